"""Clock, sleeping, scheduling, histogram, dead man."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gatectl.runtime import clock
from gatectl.runtime.realtime import Histogram, Realtime, sleep_until

ROOT = Path(__file__).parents[2]
S = 1_000_000_000
NOW = clock.EARLIEST_UTC_NS + 10 * S


def run(code: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)


def test_utc_is_trusted_unless_implausible_or_stepped() -> None:
    watch = clock.UtcWatch()
    assert watch.ok(1 * S, NOW + 1 * S)
    assert watch.ok(2 * S, NOW + 2 * S)
    assert not watch.ok(3 * S, NOW + 3600 * S)  # stepped
    assert not watch.ok(12 * S, NOW + 3609 * S)
    assert watch.ok(14 * S, NOW + 3611 * S)  # settled
    assert not clock.UtcWatch().ok(1 * S, 0)  # no battery: 1970


def test_a_slow_slew_is_no_step() -> None:
    watch = clock.UtcWatch()
    for second in range(100):
        assert watch.ok(second * S, NOW + second * S + second * 500_000)


def test_the_kernel_is_asked() -> None:
    assert clock.kernel_synchronised() in ("yes", "no", "not told")


def test_sleep_until_a_deadline_and_not_past_one() -> None:
    deadline = clock.mono_ns() + 20_000_000
    sleep_until(deadline)
    assert clock.mono_ns() >= deadline
    sleep_until(deadline)  # in the past: returns at once


def test_refusals_of_the_kernel_are_said_not_raised() -> None:
    limited = (
        "import os, resource\n"
        "resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "from gatectl.runtime.realtime import make_realtime\n"
        "print(make_realtime(50, lock_memory=True).text())\n"
    )
    # Imported before the privileges go: nobody may not read every checkout.
    done = run("import gatectl.runtime.realtime\n" + limited)
    assert done.stderr == ""
    assert "ordinary scheduling, memory not locked (SCHED_FIFO refused" in done.stdout
    assert "LimitRTPRIO" in done.stdout
    assert "LimitMEMLOCK" in done.stdout


def test_what_was_granted_is_said() -> None:
    assert Realtime(50, True, "").text() == "SCHED_FIFO 50, memory locked"


def test_a_process_that_hangs_in_c_code_is_ended_by_the_dead_man() -> None:
    hang = (
        "from gatectl.runtime.realtime import dead_man\n"
        "dead_man(0.3)\n"
        "import re; re.match('(a*)*b', 'a' * 60)\n"  # never returns to the interpreter
    )
    assert run(hang).returncode == -signal.SIGALRM


def test_a_process_dies_with_its_parent_however_that_dies() -> None:
    code = (
        "import os, signal, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import os, time\\n'\n"
        "  'from gatectl.runtime.realtime import die_with_parent\\n'\n"
        "  'die_with_parent(os.getppid())\\nprint(os.getpid(), flush=True)\\ntime.sleep(60)'],\n"
        "  stdout=subprocess.PIPE, text=True)\n"
        "print(child.stdout.readline(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = run(code)
    pid = int(done.stdout)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").exists() and _state(pid) != "Z":
        assert time.monotonic() < deadline, "the child outlives its parent"
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_percentiles_are_right_within_a_class(durations: list[int], fraction: float) -> None:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    exact_us = sorted(durations)[max(0, -(-len(durations) * fraction // 1).__int__() - 1)] / 1000
    found_us = histogram.percentile_us(fraction)
    assert found_us >= int(exact_us) * 0.999 - 1
    assert found_us <= exact_us * 1.07 + 2
    assert histogram.max_ns == max(durations)
