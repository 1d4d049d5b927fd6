"""What the truth says about driving."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatectl.model.site import Lane
from hil.checks import Checks
from hil.timeline import Timeline
from hil.truth import Track, Truth

LANE = Lane(id="east", points=((0.0, 0.0), (100.0, 0.0)))


def truth_of(*rows: tuple[float, float, float, float, float]) -> Truth:
    return Truth((LANE,), {"A": Track("A", "east", list(rows))})


def test_path_error_counts_only_moving_moments():
    truth = truth_of((0, 1, 0.5, 0, 0.0), (1, 2, 0.03, 0, 1.0), (2, 3, -0.04, 0, 1.0))
    error = truth.path_error("A")
    assert error.max_m == pytest.approx(0.04)
    assert error.rms_m == pytest.approx(math.sqrt((0.03**2 + 0.04**2) / 2))
    assert error.samples == 2


def test_a_vehicle_that_never_moved_has_no_path_error():
    assert math.isnan(truth_of((0, 1, 0, 0, 0.0)).path_error("A").rms_m)


@given(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
def test_stop_error_has_the_signs_it_names(along, across):
    truth = truth_of((0, 50 + along, across, 0, 0.0))
    error = truth.stop_error("A", "n", 50.0)
    assert error.along_m == pytest.approx(along, abs=1e-9)
    assert error.across_m == pytest.approx(across, abs=1e-9)
    assert truth.tracks["A"].stops == [error]


def test_checks_pass_only_if_something_was_checked_and_nothing_failed():
    checks = Checks()
    assert not checks.passed
    assert checks.at_most("error", 1.0, 2.0, "cm")
    assert checks.passed
    assert not checks.at_most("error", math.nan, 2.0, "cm"), "no measurement is no success"
    assert not checks.passed
    assert [c.name for c in checks.failed()] == ["error"]


def test_timeline_finds_events_by_subject():
    timeline = Timeline()
    timeline.add(1.0, "T", "PICKED", mark=True)
    timeline.add(2.0, "U", "PICKED")
    assert timeline.first("U", "PICKED") == 2.0
    assert timeline.first("U", "GROUNDED") is None
    assert [e.label for e in timeline.marks()] == ["T PICKED"]
