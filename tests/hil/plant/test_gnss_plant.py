"""The error model: its statistics, its kinds of fix, its geometry."""

import math
import statistics
from itertools import pairwise

import pytest

from gatectl.core.motion import SiteFrame as CoreFrame
from gatectl.model.node import AntennaConfig
from gatectl.model.site import Origin
from hil.plant.gnss import Fix, GnssModel, GnssNoise, SiteFrame, VehicleTruth

ORIGIN = Origin(latitude_deg=21.976, longitude_deg=106.712, height_m=300.0)
CORE = CoreFrame(ORIGIN)
STILL = VehicleTruth(100.0, -50.0, 0.5)
SILENT = GnssNoise(white_m=0.0, drift_m=0.0, heading_rad=0.0, speed_mps=0.0)


def site(measured):
    return CORE.to_site(measured.latitude_deg, measured.longitude_deg, measured.height_m)


@pytest.mark.parametrize("point", [(0.0, 0.0, 0.0), (330.0, -20.0, 3.2), (-5000.0, 8000.0, 100.0)])
def test_the_plants_frame_and_the_cores_frame_agree(point):
    """Two ways (PROJ here, closed formulas there) to the same tenth of a millimetre."""
    assert CORE.to_site(*SiteFrame(ORIGIN).geodetic(*point))[:3] == pytest.approx(point, abs=1e-4)


def test_without_noise_the_antenna_is_where_the_lever_arm_puts_it():
    antenna = AntennaConfig(forward_m=4.0, left_m=0.5, up_m=3.2, heading_offset_deg=10.0)
    measured = GnssModel(ORIGIN, antenna, SILENT).measure(STILL, 1000.25)
    at = site(measured)
    c, s = math.cos(0.5), math.sin(0.5)
    assert (at.x, at.y) == pytest.approx((100 + 4 * c - 0.5 * s, -50 + 4 * s + 0.5 * c), abs=1e-4)
    assert at.up == pytest.approx(3.2, abs=1e-3)
    assert measured.heading_rad == pytest.approx(math.pi / 2 - 0.5 + math.radians(10))
    assert measured.fix is Fix.FIXED
    assert measured.correction_age_s == 0.25


def test_a_turning_vehicle_swings_its_antenna():
    antenna = AntennaConfig(forward_m=4.0)
    truth = VehicleTruth(0.0, 0.0, 0.0, speed=3.0, yaw_rate=1.0)
    measured = GnssModel(ORIGIN, antenna, SILENT).measure(truth, 0.0)
    assert measured.speed_mps == pytest.approx(5.0)
    assert measured.course_rad == pytest.approx(math.atan2(3.0, 4.0))


def test_a_slipping_vehicle_does_not_go_where_it_points():
    truth = VehicleTruth(0.0, 0.0, 0.5 * math.pi, speed=4.0, side=-3.0)
    measured = GnssModel(ORIGIN, AntennaConfig(), SILENT).measure(truth, 0.0)
    assert measured.speed_mps == pytest.approx(5.0)
    assert measured.course_rad == pytest.approx(math.atan2(3.0, 4.0))


def test_errors_have_the_size_and_the_memory_that_they_should():
    noise = GnssNoise(seed=5)
    model = GnssModel(ORIGIN, AntennaConfig(), noise)
    errors = [site(model.measure(STILL, t * 10.0)).x - 100.0 for t in range(4000)]
    expected = math.hypot(noise.white_m, noise.drift_m)
    assert statistics.pstdev(errors) == pytest.approx(expected, rel=0.15)
    assert abs(statistics.fmean(errors)) < 0.002
    mean = statistics.fmean(errors)
    lagged = statistics.fmean((a - mean) * (b - mean) for a, b in pairwise(errors))
    # Only the drift is remembered over 10 s.
    assert lagged == pytest.approx(noise.drift_m**2 * math.exp(-10.0 / noise.drift_tau_s), rel=0.25)


def test_heading_noise():
    noise = GnssNoise(seed=2)
    model = GnssModel(ORIGIN, AntennaConfig(), noise)
    headings = [model.measure(STILL, t * 0.1).heading_rad for t in range(2000)]
    assert statistics.pstdev(headings) == pytest.approx(noise.heading_rad, rel=0.1)


def test_the_same_seed_is_the_same_run_and_another_is_not():
    def run(seed):
        model = GnssModel(ORIGIN, AntennaConfig(), GnssNoise(seed=seed))
        return [model.measure(STILL, t * 0.1) for t in range(20)]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_an_outage_comes_back_as_float_then_fixed_and_heading_in_between():
    model = GnssModel(ORIGIN, AntennaConfig(), GnssNoise(refix_s=4.0, reheading_s=2.0))
    assert model.measure(STILL, 0.0).fix is Fix.FIXED
    model.available = False
    assert model.measure(STILL, 1.0).fix is Fix.NONE
    model.available = True
    later = {t: model.measure(STILL, t) for t in (2.0, 3.5, 4.5, 5.9, 6.5)}
    assert [m.fix for m in later.values()] == [Fix.FLOAT] * 4 + [Fix.FIXED]
    assert [m.heading_rad is not None for m in later.values()] == [False, False, True, True, True]
    assert later[2.0].sigma_m == pytest.approx(15 * later[6.5].sigma_m)


def test_without_corrections_their_age_grows_and_the_fix_is_lost_in_the_end():
    model = GnssModel(ORIGIN, AntennaConfig(), GnssNoise())
    model.measure(STILL, 10.0)
    model.corrections = False
    aged = [model.measure(STILL, t) for t in (10.5, 30.0, 69.0, 71.0)]
    assert [m.correction_age_s for m in aged] == pytest.approx([0.5, 20.0, 59.0, 61.0])
    assert [m.fix for m in aged] == [Fix.FIXED] * 3 + [Fix.SINGLE]


def test_a_wrong_fix_is_off_and_does_not_know_it():
    model = GnssModel(ORIGIN, AntennaConfig(), SILENT)
    model.offset_m = (1.0, -2.0)
    measured = model.measure(STILL, 0.0)
    at = site(measured)
    assert (at.x, at.y) == pytest.approx((101.0, -52.0), abs=1e-4)
    assert measured.fix is Fix.FIXED
