"""What is driven: jobs of the tracking benchmark, one closed-loop run each, and their figures."""

from __future__ import annotations

import functools
import gc
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench import trackbench
from bench.tracking_adapter import Controller, ControllerGivenPose

OURS, GIVEN = "gatectl", "gatectl, given pose"
ROUTES = ("straight", "r15", "lanechange", "slalom", "docking", "corridor")
NOISES = ("ideal", "fix", "5g", "float", "outage")
PLOT_SEED = 1
PLOT_EVERY = 5  # of the log's rows
LOADS = ("empty", "half", "full")
CREEP_MPS, STOPPED_MPS = 0.1, 0.005
CLOSE = ("straight",)  # where the best baseline is as near to the bound as we are: more seeds
GIVEN_SEEDS = 6


@dataclass(frozen=True)
class Job:
    """One run. steering: front or all_wheel; law: whose speed law drives, the benchmark's (common) or own."""

    controller: str
    route: str
    noise: str
    seed: int
    load: str = "full"
    steering: str = "front"
    law: str = "common"


@dataclass(frozen=True)
class Row:
    """One run's figures. gnss_m: RMS of the slow part of GNSS's lateral error in it. creep_s: slower
    than CREEP_MPS before it stood. trace: (s m, lateral m,
    steering command rad) of a run that is plotted."""

    job: Job
    ok: bool
    why: str
    rms_m: float
    max_m: float
    travel_deg: float
    command_dps: float
    along_m: float
    across_m: float
    time_ratio: float
    gnss_m: float
    creep_s: float = 0.0
    trace: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class Plan:
    """How many seeds: of the judged cells, of the long route, of everything else, and of the stop under
    the crane with each load."""

    seeds: int
    long_seeds: int
    more: int
    stops: int
    routes: tuple[str, ...] = ROUTES
    noises: tuple[str, ...] = NOISES

    def count(self, route: str, noise: str, judged: bool) -> int:
        """Seeds of one cell; where the estimate decides, luck has to be averaged out."""
        if noise == "ideal":
            return 1
        if not judged or noise in ("float", "outage"):
            return max(1, self.more // 2) if route == "corridor" else self.more
        if route == "corridor":
            return self.long_seeds
        return 2 * self.seeds if route in CLOSE else self.seeds


def baselines(full: bool) -> list[str]:
    """The benchmark's controllers; those of other projects only where a checkout is named."""
    names = ["ref", "rpp"]
    if os.environ.get("PYTHONROBOTICS"):
        names.append("pp")
        if full:
            names += ["stanley", "rwf", "lqr"]
    if full:
        names.append("awmpc")
    return names


def jobs(plan: Plan, full: bool) -> list[Job]:
    """Every run, longest first. What is not a close rival is driven with fewer of the same seeds."""
    found: list[Job] = []
    others = baselines(full)
    for route in plan.routes:
        for noise in plan.noises:
            for seed in range(1, plan.count(route, noise, True) + 1):
                names = others if full or seed <= plan.more or route in CLOSE else others[:1]
                found += [Job(name, route, noise, seed) for name in (OURS, *names)]
            given = 1 if noise == "ideal" else GIVEN_SEEDS if noise in ("fix", "5g") else 0
            given = min(given, plan.count(route, noise, True))
            found += [Job(GIVEN, route, noise, seed) for seed in range(1, given + 1)]
            for seed in range(1, plan.count(route, noise, route in CLOSE) + 1):
                found += [Job(name, route, noise, seed, steering="all_wheel") for name in (OURS, "ref")]
            for seed in range(1, plan.count(route, noise, False) + 1):
                found.append(Job(OURS, route, noise, seed, law="own"))
                if noise in ("fix", "5g") and route != "corridor":
                    found += [Job(OURS, route, noise, seed, load=load) for load in ("empty", "half")]
        if "ideal" in plan.noises:
            found.append(Job(GIVEN, route, "ideal", 1, steering="all_wheel"))
    if "docking" in plan.routes:
        for seed in range(1, plan.stops + 1):
            found += [Job(OURS, "docking", "fix", seed, load=load, law="own") for load in LOADS]
    return sorted(dict.fromkeys(found), key=lambda job: job.route != "corridor")


@functools.cache
def _route(name: str, l_eff: float) -> Any:
    return trackbench.module("routes").make_route(name, l_eff=l_eff)


def vehicle(load: str, steering: str) -> Any:
    """The benchmark's vehicle."""
    body = trackbench.module("vehicle").LOADS[load]
    return replace(body, sym4ws=True) if steering == "all_wheel" else body


def factory(name: str) -> Callable[[Any], Any]:
    """A controller by its name, as the benchmark builds it."""
    if name == OURS:
        return Controller
    if name == GIVEN:
        return ControllerGivenPose
    return functools.partial(trackbench.module("suite").classes()[name], **trackbench.tuned()[name])


def bound_m(route: str, steering: str, noise: str, load: str = "full") -> float:
    """The benchmark's lower bound of the lateral RMS, m."""
    body = vehicle(load, steering)
    way = _route(route, body.l_eff)
    return float(
        trackbench.module("bounds").lateral_bound(way, body, trackbench.module("sensing").NOISES[noise])[0]
    )


def run(job: Job) -> Row:
    """Drive it."""
    body = vehicle(job.load, job.steering)
    way = _route(job.route, body.l_eff)
    noise = trackbench.module("sensing").NOISES[job.noise]
    tap: list[Any] = []
    found = trackbench.module("sim").run(
        functools.partial(_tapped, factory(job.controller), tap),
        way, body, noise, "dyn", job.seed, long=job.law, keep_log=True,
    )  # fmt: skip
    m, log = found.metrics, found.log["rows"]
    trace: tuple[tuple[float, float, float], ...] = ()
    if job.seed == PLOT_SEED and job.load == "full":
        trace = tuple((float(r[1]), float(r[2]), float(r[9])) for r in log[::PLOT_EVERY])
    return Row(
        job, bool(found.ok), str(found.why), m["e_rms"], m["e_max"], m["travel"], m["cmd_rate_rms"],
        m["along"], m["across"], m["t_ratio"], _gnss_error(way, log, tap), _creep_s(log), trace,
    )  # fmt: skip


def _tapped(build: Callable[[Any], Any], tap: list[Any], info: Any) -> Any:
    """The controller, with its measurements also kept in `tap`."""
    controller = build(info)
    if getattr(controller, "own_estimator", False):
        inner = controller.on_measurements

        def on_measurements(measurements: list[Any]) -> None:
            tap.extend(m for m in measurements if m.kind == "gnss" and m.status == "fix")
            inner(measurements)

        controller.on_measurements = on_measurements
    return controller


def _creep_s(log: Any) -> float:
    """How long it crept before it stood."""
    speed = log[:, 5]
    rolling, faster = (speed > STOPPED_MPS).nonzero()[0], (speed > CREEP_MPS).nonzero()[0]
    return float(log[rolling[-1], 0] - log[faster[-1], 0]) if len(faster) else 0.0


def _gnss_error(route: Any, log: Any, tap: list[Any]) -> float:
    """RMS of the slow part of GNSS's lateral error in this run, m: what no estimator sees. 0: unknown."""
    if not tap:
        return 0.0
    project = trackbench.module("routes").Projector(route)
    slow, total, n = None, 0.0, 0
    for meas in tap:
        i = round(meas.t / 0.02)
        if i >= len(log) or log[i][1] < route.eval_from or log[i][5] < 0.05:
            continue
        error = project(meas.x, meas.y, meas.yaw)[1] - float(log[i][2])
        slow = error if slow is None else slow + 0.1 * (error - slow)
        total, n = total + slow * slow, n + 1
    return math.sqrt(total / n) if n else 0.0


def run_all(todo: list[Job], processes: int, out: Path, say: Callable[[str], None]) -> list[Row]:
    """All jobs in worker processes; every row also goes to results.jsonl as it comes."""
    rows: list[Row] = []
    begin = time.perf_counter()
    with (out / "results.jsonl").open("w", encoding="utf-8") as file:
        for row in _results(todo, processes):
            rows.append(row)
            plain = asdict(replace(row, trace=()))
            file.write(json.dumps(plain) + "\n")
            if len(rows) % 50 == 0:
                say(f"{len(rows)} of {len(todo)} runs, {time.perf_counter() - begin:.0f} s")
    return sorted(rows, key=lambda r: json.dumps(asdict(r.job)))


def _results(todo: list[Job], processes: int) -> Iterator[Row]:
    if processes <= 1:
        yield from map(run, todo)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(run, todo)


def step_times_us(route: str = "slalom", noise: str = "fix", seed: int = 5) -> list[float]:
    """What each step of ours takes (localise, speed law, track) in one run: us of CPU time, since others may
    be using the machine. The collector is frozen as the scan process freezes it (`runtime.realtime`)."""
    times: list[float] = []

    class Timed(Controller):
        def step(self, t: float, pose: Any, speed: float) -> tuple[float, float]:
            begin = time.thread_time_ns()
            command = super().step(t, pose, speed)
            times.append((time.thread_time_ns() - begin) * 1e-3)
            return command

    body = vehicle("full", "front")
    way, kind = _route(route, body.l_eff), trackbench.module("sensing").NOISES[noise]
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        trackbench.module("sim").run(Timed, way, body, kind, "dyn", seed)
    finally:
        gc.enable()
        gc.unfreeze()
    return times
