"""Do the protection levels hold? `python -m bench.integrity [--seconds 200000] [--jobs 2] [--quick]`.

The deployed localiser with its monitors drives a closed world (`integrity_world`) at 25 Hz (`--rate 50`
for the gate's own rate; the figures are the same), a run of 160 s after the other, a fault in each but
those of kind `none`. Per axis and scan, while the level is within the alert limit (available):

- misleading: the error is larger than the level;
- hazardous: the position error is larger than the alert limit.

What counts for the claim is how often a fault leads to at least one misleading scan, with the 95 % upper
bound of C. J. Clopper and E. S. Pearson (Biometrika 26, 1934), times how often such a fault is assumed
to happen. Exits 0 only if that is within the claim. Writes a Stanford-style plot and a table.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import time
from functools import partial
from pathlib import Path

from bench.integrity_report import report
from bench.integrity_score import Score, score
from bench.integrity_world import KINDS, RUN_S


def main() -> None:
    """Run, print, plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=200_000.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rate", type=float, default=25.0, choices=(25.0, 50.0))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--quick", action="store_true", help="4,000 vehicle-seconds: a look, not a proof")
    parser.add_argument("--cases", action="store_true", help="print every misleading run")
    parser.add_argument("--out", type=Path, default=Path("runs/integrity"))
    given = parser.parse_args()
    kinds = given.kinds.split(",")
    if unknown := [k for k in kinds if k not in KINDS]:
        sys.exit(f"there is no kind {unknown[0]!r}; use some of: {', '.join(KINDS)}")
    count = math.ceil((4_000.0 if given.quick else given.seconds) / RUN_S)
    tasks = [(kinds[i % len(kinds)], given.seed * 1_000_000 + i) for i in range(count)]
    scores = {kind: Score() for kind in kinds}
    begin = time.perf_counter()
    with multiprocessing.Pool(given.jobs) as pool:
        for n, (kind, one) in enumerate(pool.imap_unordered(partial(score, rate_hz=given.rate), tasks, 4)):
            scores[kind].add(one)
            if n % 50 == 49:
                print(
                    f"{n + 1} of {count} runs, {time.perf_counter() - begin:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
    holds = report(scores, given.rate, given.out, cases=given.cases)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
