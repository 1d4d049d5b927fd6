"""Compiles the drive controller's firmware for the rig, once per content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gatectl.model import DeviceError

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
CORE = ("core/gate_fw.c", "core/gate_link.c", "core/gate_dict.c", "core/gate_wire.c")
HEADERS = ("core/gate_fw.h", "core/gate_wire.h")
SIM_MAIN = "sim/main.c"


@dataclass(frozen=True, slots=True)
class FirmwareBuild:
    """sim: the controller as a process; library: the same core for ctypes."""

    sim: Path
    library: Path


def source_dir() -> Path:
    """Where the C sources are: `firmware/` of the checkout, or inside the installed wheel."""
    root = Path(__file__).resolve().parents[2]
    for place in (root / "firmware", root / "firmware_bridge" / "_firmware"):
        if (place / SIM_MAIN).is_file():
            return place
    raise DeviceError(
        "the firmware's sources are missing", "install the complete distribution", where=str(root)
    )


def default_build_dir() -> Path:
    """The user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "gatectl" / "firmware"


def build_firmware(build_dir: Path, extra_flags: tuple[str, ...] = ("-O2",)) -> FirmwareBuild:
    """Compile what is not compiled yet. Blocks for about a second the first time.

    Several processes may build into one build_dir at once. Raises DeviceError when there is no gcc or
    the sources do not compile.
    """
    source = source_dir()
    digest = hashlib.sha256(repr((FLAGS, extra_flags)).encode())
    for name in (*CORE, *HEADERS, SIM_MAIN):
        digest.update((source / name).read_bytes())
    place = build_dir / digest.hexdigest()[:16]
    done = FirmwareBuild(place / "gate_fw_sim", place / "libgate_fw.so")
    if done.sim.is_file() and done.library.is_file():
        return done
    gcc = shutil.which("gcc")
    if gcc is None:
        raise DeviceError("there is no C compiler for the firmware", "apt-get install gcc libc6-dev")
    build_dir.mkdir(parents=True, exist_ok=True)
    # Compiled aside and renamed, so that nobody ever runs half a file.
    with tempfile.TemporaryDirectory(dir=build_dir) as scratch_name:
        scratch = Path(scratch_name)
        core = [str(source / name) for name in CORE]
        common = [gcc, *FLAGS, *extra_flags, f"-I{source / 'core'}"]
        _compile([*common, "-o", str(scratch / done.sim.name), *core, str(source / SIM_MAIN)])
        _compile([*common, "-fPIC", "-shared", "-o", str(scratch / done.library.name), *core])
        place.mkdir(exist_ok=True)
        for target in (done.library, done.sim):
            (scratch / target.name).replace(target)
    return done


def _compile(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise DeviceError(
            f"the firmware does not compile: {result.stderr.strip()}",
            "apt-get install gcc libc6-dev if headers are missing; else correct the source",
        )
