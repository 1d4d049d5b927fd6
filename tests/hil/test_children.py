"""Finding what a run left behind."""

from __future__ import annotations

import subprocess
import sys
import time

from hil.children import processes_naming

FIND = "import sys; from hil.children import processes_naming; print(processes_naming(sys.argv[1]))"


def test_a_child_that_names_the_text_is_found_until_it_ends():
    marker = "a-marker-nobody-else-uses-4711"
    program = "import time; print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", program, marker], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()  # it runs: its command line is there to be read
        assert list(processes_naming(marker)) == [child.pid]
    finally:
        child.kill()
        child.communicate()
    assert processes_naming(marker) == {}


def test_whoever_started_us_is_no_leftover():
    done = subprocess.run(
        ["timeout", "30", sys.executable, "-c", FIND, "a-marker-of-timeout-4712"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "{}"


def test_a_child_dies_with_its_parent():
    marker = "a-marker-of-orphans-4713"
    program = (
        "import subprocess, sys, os, time; from hil.children import die_with_parent\n"
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{marker}'],"
        " preexec_fn=die_with_parent)\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    deadline = time.monotonic() + 5
    while (left := processes_naming(marker)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == {}
