"""Table, verdict and plots of a tracking benchmark run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.tracking_goals import Cell, Verdict, cells, others, pick, pool
from bench.tracking_suite import GIVEN, NOISES, OURS, PLOT_SEED, ROUTES, Row, bound_m


def markdown(rows: Sequence[Row], verdicts: Sequence[Verdict]) -> str:
    """The whole report."""
    lines = ["# Path tracking", ""]
    held, tied = sum(v.ok for v in verdicts), sum(v.tie for v in verdicts)
    lines += [f"{held} of {len(verdicts)} goals hold, {tied} are ties (within one standard error).", ""]
    for steering in ("front", "all_wheel"):
        for noise in NOISES:
            if any(n == noise and st == steering for _, n, st in cells(rows)):
                lines += _table(rows, noise, steering)
    lines += _loads(rows)
    lines += _own_law(rows)
    lines += ["## Goals", "", "| goal | measured | holds |", "|---|---|---|"]
    lines += [f"| {v.goal} | {v.measured} | {v.word} |" for v in verdicts]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Row], noise: str, steering: str) -> list[str]:
    routes = [r for r in ROUTES if (r, noise, steering) in cells(rows)]
    lines = [f"## {noise}, {steering.replace('_', '-')} steering: lateral RMS / max cm, travel deg/100 m", ""]
    lines += ["| controller | " + " | ".join(routes) + " |", "|---" * (len(routes) + 1) + "|"]
    if noise != "ideal":
        bounds = (f"{bound_m(route, steering, noise) * 100:.2f}" for route in routes)
        lines.append("| *lower bound* | " + " | ".join(bounds) + " |")
    for name in (OURS, GIVEN, *others(rows)):
        found = [pool(pick(rows, name, route, noise, steering=steering)) for route in routes]
        if any(found):
            lines.append(f"| {name} | " + " | ".join(_cell(c) for c in found) + " |")
    return [*lines, ""]


def _loads(rows: Sequence[Row]) -> list[str]:
    lines = ["## gatectl by load, front steering: lateral RMS / max cm", ""]
    lines += ["| load | noise | " + " | ".join(ROUTES) + " |", "|---" * (len(ROUTES) + 2) + "|"]
    for load in ("empty", "half", "full"):
        for noise in ("fix", "5g"):
            found = [pool(pick(rows, OURS, route, noise, load=load)) for route in ROUTES]
            if any(found):
                lines.append(f"| {load} | {noise} | " + " | ".join(_cell(c) for c in found) + " |")
    return [*lines, ""]


def _own_law(rows: Sequence[Row]) -> list[str]:
    lines = [
        "## gatectl with its own speed law: lateral RMS / max cm; along at the stop cm; time over bound",
        "",
    ]
    lines += ["| noise | " + " | ".join(ROUTES) + " |", "|---" * (len(ROUTES) + 1) + "|"]
    for noise in NOISES:
        texts = []
        for route in ROUTES:
            runs = pick(rows, OURS, route, noise, law="own")
            along = max((abs(r.along_m) for r in runs), default=0.0)
            ratio = sum(r.time_ratio for r in runs) / max(1, len(runs))
            texts.append(f"{_cell(pool(runs))}; {along * 100:.1f}; {ratio:.3f}" if runs else "-")
        if any(text != "-" for text in texts):
            lines.append(f"| {noise} | " + " | ".join(texts) + " |")
    return [*lines, ""]


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    if cell.failed:
        return f"fail {cell.failed}/{cell.runs}"
    return f"{cell.rms_m * 100:.2f} / {cell.max_m * 100:.1f} ({cell.travel_deg:.0f})"


def plots(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Lateral error and steering along each route: ours beside the best baseline of the same seed."""
    import matplotlib as mpl  # noqa: PLC0415 - only once there is something to draw

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    made: list[Path] = []
    for noise in NOISES:
        routes = [r for r in ROUTES if pick(rows, OURS, r, noise)]
        if not routes:
            continue
        figure, axes = plt.subplots(len(routes), 2, figsize=(14, 2.6 * len(routes)), squeeze=False)
        for row, route in zip(axes, routes, strict=True):
            for name in (OURS, GIVEN, *others(rows)):
                runs = [r for r in pick(rows, name, route, noise) if r.job.seed == PLOT_SEED and r.trace]
                if not runs:
                    continue
                s = [p[0] for p in runs[0].trace]
                wide = 1.4 if name == OURS else 0.7
                row[0].plot(s, [p[1] * 100 for p in runs[0].trace], linewidth=wide, label=name)
                row[1].plot(s, [p[2] * 57.29578 for p in runs[0].trace], linewidth=wide, label=name)
            row[0].set_ylabel(f"{route}\nlateral cm")
            row[1].set_ylabel("command deg")
            row[0].set_ylim(-10, 10)
            for axis in row:
                axis.grid(True, alpha=0.3)
        axes[0][0].legend(fontsize=8)
        figure.suptitle(f"{noise}, full load, seed {PLOT_SEED}")
        axes[-1][0].set_xlabel("s m")
        axes[-1][1].set_xlabel("s m")
        figure.tight_layout()
        made.append(folder / f"tracking_{noise}.png")
        figure.savefig(made[-1], dpi=90)
        plt.close(figure)
    return made
