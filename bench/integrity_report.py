"""What `bench.integrity` found: the table, the claim, the Stanford-style plot."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import numpy as np
from scipy.stats import beta

from bench.integrity_score import BIN_M, BINS, Score
from gatectl.model.site import Limits

# What the claim is about: faults of GNSS positions or headings that the receiver does not tell.
CLAIMED = (
    "wrong fix", "wrong refix", "slow drift", "spoofed ramp", "float as fixed", "heading",
    "stale corrections",
)  # fmt: skip


def upper(events: int, trials: int) -> float:
    """95 % upper bound of a probability, Clopper-Pearson; 1 without trials."""
    return 1.0 if events >= trials else float(beta.ppf(0.95, events + 1, trials - events))


def report(scores: dict[str, Score], rate_hz: float, out: Path, *, cases: bool) -> bool:
    """Print the table and the verdict, write stanford.png into out. True if the claim holds."""
    limits = Limits()
    rows = [_row(kind, score, rate_hz) for kind, score in scores.items()]
    lines = [
        "| kind | vehicle-s | available % | misleading s along / across | hazardous s | runs misled "
        "(95 % bound) | worst error / level | level median, 95 % m | time to alert s |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
    ]
    total = sum(s.scans for s in scores.values()) / rate_hz
    free_s = sum(s.free_scans for s in scores.values()) / rate_hz
    free = sum(s.free_misled for s in scores.values())
    free_bound = float(beta.ppf(0.95, free + 1, 10**6)) * 1e6 / max(free_s, 1.0) * 3600.0
    claimed = [scores[k] for k in CLAIMED if k in scores]
    faults, misled = sum(s.runs for s in claimed), sum(s.misled for s in claimed)
    hazards = sum(s.misled_hazardously for s in claimed)
    bound, haz_bound = upper(misled, faults), upper(hazards, faults)
    per_h = bound * limits.gnss_fault_rate_per_h
    haz_per_h = haz_bound * limits.gnss_fault_rate_per_h
    share = limits.integrity_risk_per_h / 2
    holds = bool(faults) and per_h <= share and free == 0
    lines += [
        "",
        f"{total:,.0f} vehicle-seconds. Without a fault (and before it): {free_s:,.0f} s, "
        f"misleading in {free} runs: below {free_bound:.2g} per hour (95 %).",
        f"Claimed faults: {misled} of {faults} misled (below {100 * bound:.2g} %), "
        f"{hazards} hazardously (below {100 * haz_bound:.2g} %).",
        f"At {limits.gnss_fault_rate_per_h:g} faults an hour: below {per_h:.2g} misleading, "
        f"{haz_per_h:.2g} hazardously misleading faults an hour; "
        f"claimed: {share:.2g} (half of limits.integrity_risk_per_h).",
        f"The claim {'holds' if holds else 'DOES NOT HOLD'}.",
    ]
    if cases:
        lines += ["", *(case for score in scores.values() for case in score.cases)]
    print("\n".join(lines))
    out.mkdir(parents=True, exist_ok=True)
    print(f"picture: {plot(scores, rate_hz, limits.alert_limit_m, out / 'stanford.png')}")
    return holds


def _row(kind: str, score: Score, rate_hz: float) -> str:
    levels = np.array(score.levels).reshape(-1, 2)
    median, most = (float(v) for v in levels.mean(axis=0)) if len(levels) else (math.nan, math.nan)
    alert = f"{statistics.median(score.alerts):.1f}" if score.alerts else "-"
    along, across = score.misleading / rate_hz
    return (
        f"| {kind} | {score.scans / rate_hz:,.0f} | {100 * score.available / max(1, score.known):.2f} "
        f"| {along:.1f} / {across:.1f} | {score.hazardous / rate_hz:.1f} "
        f"| {score.misled} of {score.runs} ({100 * upper(score.misled, score.runs):.1f} %) "
        f"| {score.worst:.2f} | {median:.2f}, {most:.2f} | {alert} |"
    )


def plot(scores: dict[str, Score], rate_hz: float, limit_m: float, path: Path) -> Path:
    """Error against level, one panel per kind and one for all; both axes of the vehicle together."""
    from matplotlib.colors import LogNorm  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415

    panels = {"all": sum((s.plot for s in scores.values()), np.zeros((2, BINS, BINS), np.int64))}
    panels |= {kind: score.plot for kind, score in scores.items()}
    columns = 4
    count = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.2 * columns, 4.0 * count), layout="constrained")
    axes = figure.subplots(count, columns, squeeze=False).ravel()
    edges = np.arange(BINS + 1) * BIN_M
    mesh = None
    for ax, (name, counts) in zip(axes, panels.items(), strict=False):
        both = counts.sum(axis=0).astype(float) / rate_hz
        mesh = ax.pcolormesh(
            edges,
            edges,
            np.ma.masked_less_equal(both.T, 0.0),
            norm=LogNorm(0.04, 2e4),
            cmap="viridis",
            rasterized=True,
        )
        ax.plot([0, 1], [0, 1], color="black", linewidth=1)
        ax.axhline(limit_m, color="tab:red", linewidth=1)
        ax.axvline(limit_m, color="tab:red", linewidth=1)
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=name)
        ax.text(0.03, 0.72, "not available", fontsize=8, color="tab:red")
        ax.text(0.42, 0.13, "misleading", fontsize=8, rotation=0, ha="right")
        ax.text(0.97, 0.25, "hazardously\nmisleading", fontsize=8, ha="right", color="tab:red")
        ax.text(0.03, 0.44, "normal", fontsize=8)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    for ax in axes[::columns]:
        ax.set_ylabel("protection level, m (1: or more)")
    for ax in axes[-2 * columns :]:
        ax.set_xlabel("error along or across, m (1: or more)")
    if mesh is not None:
        figure.colorbar(mesh, ax=axes.tolist(), label="vehicle-seconds per cm x cm", shrink=0.6)
    figure.savefig(path, dpi=90)
    return path
