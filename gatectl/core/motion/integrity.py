"""The protection level: how far the true position may be from the estimate.

It is a bound with stated assumptions, not a certified one:
- K_SIGMA times the filter's standard deviation along its worst axis, which never counts as less than
  the correlated part of RTK error that no filter can see (FLOOR_M); at 5 sigma a two-dimensional
  Gaussian leaves 4e-6;
- what the same number of sigmas of heading does at the front axle;
- the age of the corrections, whose error grows with it;
- without GNSS nothing checks wheels and gyro, so a fault of theirs that the covariance does not know
  (a slipping wheel, a bias step) is allowed for by distance and by time;
- position fixes and headings that go on disagreeing with the filter count in full: one of the two is
  wrong.
With the demo's 0.5 m alert limit: 3 s without GNSS at 7 m/s stay inside, 60 s never do.
"""

from __future__ import annotations

import math

from gatectl.core.motion import filter as ekf

UNKNOWN_M = 1000.0
K_SIGMA = 5.0
FLOOR_M = 0.015
AGE_FREE_S = 2.0
AGE_MPS = 0.004
SILENT_FREE_S = 0.3
SILENT_PER_M = 0.004
SILENT_MPS = 0.008
TURNED_FROM = 10  # headings are noisier
REFUSED_FROM = 3  # single outliers are what the gate is for


def protection_level(
    p: list[float],
    *,
    silent_s: float,
    travelled_m: float,
    correction_age_s: float,
    refused: int,
    refused_m: float,
    turned: int,
    turned_rad: float,
    reach_m: float,
) -> float:
    """Metres. silent_s, travelled_m: since the last accepted fixed epoch; reach_m: lever of the heading."""
    worst = ekf.major_sigma(p[ekf.DIAGONAL[ekf.X]], p[ekf.COLUMN[ekf.X][ekf.Y]], p[ekf.DIAGONAL[ekf.Y]])
    heading = reach_m * math.sqrt(max(0.0, p[ekf.DIAGONAL[ekf.YAW]]))
    level = K_SIGMA * math.sqrt(worst * worst + FLOOR_M * FLOOR_M + heading * heading)
    level += AGE_MPS * max(0.0, correction_age_s - AGE_FREE_S)
    if silent_s > SILENT_FREE_S:
        level += SILENT_PER_M * travelled_m + SILENT_MPS * silent_s
    if refused >= REFUSED_FROM:
        level += refused_m
    if turned >= TURNED_FROM:
        level += reach_m * min(1.0, turned_rad)
    return level
