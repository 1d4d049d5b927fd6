"""The localiser alone, against the shared benchmark's common estimator: `python -m bench.localising`.

Drives recorded once per route, load and steering (the benchmark's own yardstick steers on its own
estimate); then both estimators get the same raw, late measurements of that drive, made by the benchmark's
sensor model. Errors are against the true control point, over the part that the benchmark evaluates:

- lateral, its largest, along (cm RMS), yaw (deg RMS) of gatectl; lateral of the common estimator;
- added: lateral error less the receiver's slow error, which nothing on board can see.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import trackbench
from gatectl.core.motion import Estimate, GnssFix, Localiser, LocaliserState, Motion
from gatectl.model.node import AntennaConfig

DT_S = 0.02
EPOCH_NS = 1_000_000_000
SLIP_COEFF = 0.017  # nominal: the benchmark's vehicles have 0.0136 to 0.0185
STANDSTILL_MPS, STANDSTILL_S = 0.03, 0.3
EVERY = 5  # odometry samples per GNSS epoch: 10 Hz
ROUTES = ("straight", "r15", "lanechange", "slalom", "docking", "corridor")
Floats = NDArray[np.float64]


class Drive(NamedTuple):
    """What really happened, every DT_S: pose (N, 3) x, y m, yaw rad; v m/s, yaw rate rad/s, steering rad
    (N,); use (N,): evaluated; t_ref s: the benchmark's reference time."""

    pose: Floats
    v: Floats
    r: Floats
    steer: Floats
    use: NDArray[np.bool_]
    t_ref: float


class Errors(NamedTuple):
    """Estimate less truth, over the evaluated part: m, m, rad; added m: lateral less slow GNSS error;
    common m: lateral of the benchmark's estimator. us: per step, all of them."""

    lateral: Floats
    along: Floats
    yaw: Floats
    added: Floats
    common: Floats
    us: list[float]


def record(route: str, load: str, steering: str, seed: int) -> Drive:
    """One closed-loop run of the benchmark."""
    sim, routes = trackbench.module("sim"), trackbench.module("routes")
    vehicle, sensing = trackbench.module("vehicle"), trackbench.module("sensing")
    reference = trackbench.module("baselines").PreviewReference
    protocol = trackbench.module("protocol")
    truth: list[tuple[float, ...]] = []

    def sample(self: Any, t: float, pose: Any, v: float, r: float, delta: float) -> None:
        truth.append((*pose, v, r, delta))
        sensing.Sensors.sample(self, t, pose, v, r, delta)

    witness = type("Witness", (sensing.Sensors,), {"sample": sample})

    body = vehicle.LOADS[load]
    if steering == "all_wheel":
        body = replace(body, sym4ws=True)
    way = routes.make_route(route, l_eff=body.l_eff)
    kept, sim.Sensors = sim.Sensors, witness
    try:
        tuned = trackbench.tuned()["ref"]
        info = protocol.VehicleInfo(l_eff=body.l_eff, slip_coeff=SLIP_COEFF)
        result = sim.run(
            partial(reference, **tuned),
            way,
            body,
            sensing.NOISES["fix"],
            "dyn",
            seed,
            keep_log=True,
            info=info,
        )
    finally:
        sim.Sensors = kept
    rows, table = result.log["rows"], np.array(truth)[: len(result.log["rows"])]
    use = (rows[:, 1] >= way.eval_from) & (rows[:, 5] > 0.05)
    return Drive(table[:, :3], table[:, 3], table[:, 4], table[:, 5], use, way.t_ref)


def localise(drive: Drive, noise: Any, steering: str, seed: int, *, every: int = EVERY) -> Errors:
    """Both estimators over one drive. every: odometry samples per GNSS epoch; of a slow receiver the
    vehicle waits for the first epochs, as it would have to."""
    if every > EVERY:
        drive = _waiting(drive, 8 * every)
    sensing = trackbench.module("sensing")
    rng = np.random.default_rng([seed, 77])
    sensors = sensing.Sensors(noise, rng, drive.t_ref)
    common = sensing.CommonEstimator(*drive.pose[0])
    unit, state = Localiser(AntennaConfig(), SLIP_COEFF, 8.0, steering), LocaliserState()  # type: ignore[arg-type]
    motion, slow_s = Motion(0, 0.0, 0.0, True, True, None), 0.0
    rows: list[tuple[float, ...]] = []
    us: list[float] = []
    for i, (pose, v, r, steer) in enumerate(
        zip(drive.pose.tolist(), drive.v, drive.r, drive.steer, strict=True)
    ):
        t = i * DT_S
        sensors.tick = 0 if i % every == 0 else 1  # the model's own rate is 10 Hz
        sensors.sample(t, pose, float(v), float(r), float(steer))
        arrived = sensors.arrived(t)
        common.feed(arrived)
        (cx, cy, _), _ = common.pose(t)
        now, begin = EPOCH_NS + round(t * 1e9), time.thread_time()
        fixes = [_fix(m) for m in arrived if m.kind == "gnss"]
        estimate: Estimate | None = None
        for m in arrived:
            if m.kind == "odo":
                stamp = EPOCH_NS + round(m.t * 1e9)
                slow_s = slow_s + (stamp - motion.stamp_mono_ns) * 1e-9 if m.v < STANDSTILL_MPS else 0.0
                motion = Motion(stamp, m.v, m.gyro, True, slow_s >= STANDSTILL_S, None)
                estimate = unit.step(state, now, motion, fixes.pop(0) if fixes else None)
        while fixes or estimate is None:
            estimate = unit.step(state, now, motion, fixes.pop(0) if fixes else None)
        us.append((time.thread_time() - begin) * 1e6)
        if drive.use[i] and estimate.known:
            rows.append(_errors(pose, estimate, cx, cy, sensors.gm))
    table = np.array(rows)
    lateral, along, yaw, added, beside = table.T
    return Errors(lateral, along, yaw, added, beside, us)


def _waiting(drive: Drive, samples: int) -> Drive:
    """The same drive, begun by standing."""
    still = np.zeros(samples)
    return Drive(
        np.concatenate([np.repeat(drive.pose[:1], samples, axis=0), drive.pose]),
        np.concatenate([still, drive.v]),
        np.concatenate([still, drive.r]),
        np.concatenate([still, drive.steer]),
        np.concatenate([still > 0, drive.use]),
        drive.t_ref,
    )


def _errors(pose: list[float], estimate: Estimate, cx: float, cy: float, slow: Any) -> tuple[float, ...]:
    x, y, yaw = pose
    c, s = math.cos(yaw), math.sin(yaw)
    ex, ey = estimate.x - x, estimate.y - y
    lateral = c * ey - s * ex
    return (
        lateral,
        c * ex + s * ey,
        math.remainder(estimate.yaw - yaw, math.tau),
        lateral - float(c * slow[1] - s * slow[0]),
        c * (cy - y) - s * (cx - x),
    )


def _fix(m: Any) -> GnssFix:
    stamp = EPOCH_NS + round(m.t * 1e9)
    return GnssFix(stamp, m.x, m.y, m.sigma, m.sigma, m.status == "fix", m.yaw, 1.0, m.sigma_yaw)


def rms(values: Floats) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def drives(cache: Path | None, route: str, load: str, steering: str, seed: int) -> Drive:
    """From the cache, or driven (and put there)."""
    path = cache / f"{route}-{load}-{steering}-{seed}.npz" if cache else None
    if path is not None and path.is_file():
        with np.load(path) as kept:
            pose, v, r, steer, use = (kept[name] for name in Drive._fields[:-1])
            return Drive(pose, v, r, steer, use, float(kept["t_ref"]))
    drive = record(route, load, steering, seed)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **drive._asdict())
    return drive


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--routes", default=",".join(ROUTES))
    parser.add_argument("--loads", default="full")
    parser.add_argument("--steering", default="front")
    parser.add_argument("--noises", default="fix,5g,float,outage")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--every", type=int, default=EVERY, help="odometry samples (20 ms) per GNSS epoch")
    parser.add_argument("--cache", type=Path, help="folder that keeps the recorded drives")
    given = parser.parse_args()
    noises = trackbench.module("sensing").NOISES
    print(
        "| route | load | steering | noise | lateral RMS/max cm | added cm | along cm | yaw deg | common cm |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    us: list[float] = []
    for route in given.routes.split(","):
        for load in given.loads.split(","):
            for steering in given.steering.split(","):
                ways = [
                    drives(given.cache, route, load, steering, 1 + seed % 3) for seed in range(given.seeds)
                ]
                for noise in given.noises.split(","):
                    found = [
                        localise(way, noises[noise], steering, seed, every=given.every)
                        for seed, way in enumerate(ways)
                    ]
                    us += [value for errors in found for value in errors.us]
                    print(f"| {route} | {load} | {steering} | {noise} | {_row(found)} |", flush=True)
    print(f"per step: median {statistics.median(us):.0f} us, 99 % {sorted(us)[len(us) * 99 // 100]:.0f} us")


def _row(found: list[Errors]) -> str:
    lateral, along, yaw, added, common = (
        np.concatenate([getattr(e, name) for e in found])
        for name in ("lateral", "along", "yaw", "added", "common")
    )
    return (
        f"{rms(lateral) * 100:.2f}/{np.abs(lateral).max() * 100:.1f} | {rms(added) * 100:.2f} | "
        f"{rms(along) * 100:.2f} | {math.degrees(rms(yaw)):.3f} | {rms(common) * 100:.2f}"
    )


if __name__ == "__main__":
    main()
