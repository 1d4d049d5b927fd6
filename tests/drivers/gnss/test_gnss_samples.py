"""Which value is vouched for, and why one is not."""

import pytest
from msgspec.structs import replace

from drivers.gnss.epoch import Epoch
from drivers.gnss.messages import Report
from drivers.gnss.samples import HEADINGS, POSITIONS, QUALITIES, SIGMAS, VELOCITIES, readings
from gatectl.model import Cause, Quality

GGA = Report(
    message="GGA",
    tod_ns=0,
    valid=True,
    quality=4,
    latitude_deg=1.0,
    longitude_deg=2.0,
    height_m=3.0,
    satellites=12,
    correction_age_s=0.5,
)
NO_GGA = Report(message="GGA", tod_ns=0, valid=False, quality=0, satellites=3)
RMC = Report(message="RMC", tod_ns=0, day=20_000, valid=True, speed_mps=1.5, course_rad=0.7)
NO_RMC = Report(message="RMC", tod_ns=0, valid=False)
GST = Report(message="GST", tod_ns=0, sigma_north_m=0.01, sigma_east_m=0.02)
THS = Report(message="THS", valid=True, heading_rad=1.0)
VTG = Report(message="VTG", valid=True, speed_mps=9.0, course_rad=0.3)
UNI = Report(
    message="UNIHEADINGA",
    tod_ns=0,
    valid=True,
    heading_quality=4,
    heading_rad=1.2,
    sigma_heading_rad=0.01,
    baseline_m=1.5,
)
WHOLE = {"GGA": GGA, "RMC": RMC, "GST": GST, "THS": THS}
POSITION = ("latitude", "longitude", "height", "correction_age")


def read(reports, repeated=False, known=("GGA", "RMC", "GST", "THS")):
    return readings(Epoch(0, 0, repeated, reports), set(known))


def causes(found, tags):
    return {found[tag].cause for tag in tags}


def test_a_whole_epoch_is_good():
    found = read(WHOLE)
    given = {tag: r.value for tag, r in found.items() if r.quality is Quality.GOOD}
    assert given == {
        "fix": 4,
        "satellites": 12,
        "latitude": 1.0,
        "longitude": 2.0,
        "height": 3.0,
        "correction_age": 0.5,
        "sigma_north": 0.01,
        "sigma_east": 0.02,
        "speed": 1.5,
        "course": 0.7,
        "heading": 1.0,
    }
    assert causes(found, found.keys() - given.keys()) == {Cause.NOT_CONFIGURED}
    assert found.keys() - given.keys() == {"sigma_heading", "baseline", "receiver_level"}


def test_no_position_without_a_fix():
    found = read(WHOLE | {"GGA": NO_GGA})
    assert causes(found, (*POSITION, "sigma_north", "sigma_east")) == {Cause.NOT_VALID}
    assert found["fix"].value == 0
    assert found["satellites"].cause is Cause.NOT_VALID


def test_float_is_not_fixed():
    assert read(WHOLE | {"GGA": replace(GGA, quality=5)})["fix"].value == 5


def test_dead_reckoning_of_the_receiver_is_uncertain():
    found = read(
        WHOLE | {"GGA": replace(GGA, quality=6, estimated=True), "RMC": replace(RMC, estimated=True)}
    )
    assert {found[t].quality for t in (*POSITION, "speed")} == {Quality.UNCERTAIN}


def test_rmc_void_voids_position_and_velocity_whatever_gga_says():
    found = read(WHOLE | {"RMC": NO_RMC, "VTG": VTG})
    assert causes(found, (*POSITION, "sigma_north", "speed", "course")) == {Cause.NOT_VALID}


def test_half_a_position_is_none():
    found = read(WHOLE | {"GGA": replace(GGA, longitude_deg=None)})
    assert causes(found, POSITION) == {Cause.NOT_VALID}


def test_empty_fields_are_bad_one_by_one():
    found = read(WHOLE | {"GGA": replace(GGA, height_m=None, correction_age_s=None)})
    assert causes(found, ("height", "correction_age")) == {Cause.NOT_VALID}
    assert causes(found, ("latitude", "longitude")) == {Cause.NONE}


def test_a_message_missing_now_is_stale_one_never_seen_is_not_configured():
    found = read({"RMC": RMC}, known=("RMC", "GGA"))
    assert causes(found, (*POSITION, "fix", "satellites")) == {Cause.STALE}
    assert causes(found, ("sigma_north", "heading", "baseline")) == {Cause.NOT_CONFIGURED}


def test_vtg_fills_what_rmc_leaves_empty():
    found = read({"RMC": replace(RMC, course_rad=None), "VTG": VTG})
    assert (found["speed"].value, found["course"].value) == (1.5, 0.3)
    assert read({"GGA": GGA, "VTG": VTG})["speed"].value == 9.0
    void = Report(message="VTG", valid=False)
    assert read({"GGA": GGA, "VTG": void})["speed"].cause is Cause.NOT_VALID


def test_ths_that_is_void_is_not_replaced_by_hdt():
    hdt = Report(message="HDT", heading_rad=2.0)
    assert read(WHOLE | {"THS": Report(message="THS", valid=False), "HDT": hdt})["heading"].cause is (
        Cause.NOT_VALID
    )
    assert read({"GGA": GGA, "HDT": hdt})["heading"].value == 2.0


def test_a_heading_is_taken_whole_from_one_message():
    found = read(WHOLE | {"UNIHEADINGA": UNI})
    assert [found[t].value for t in ("heading", "sigma_heading", "baseline")] == [1.2, 0.01, 1.5]


@pytest.mark.parametrize(
    ("quality", "cause"), [(4, Cause.NONE), (5, Cause.ESTIMATED), (6, Cause.ESTIMATED), (1, Cause.NOT_VALID)]
)
def test_a_heading_is_as_good_as_its_ambiguities(quality, cause):
    assert read(WHOLE | {"UNIHEADINGA": replace(UNI, heading_quality=quality)})["heading"].cause is cause


def test_the_finest_position_is_taken_and_its_quality_from_whoever_tells():
    fine = Report(message="UBX-NAV-HPPOSLLH", tod_ns=0, latitude_deg=1.1, longitude_deg=2.1, height_m=4.0)
    pvt = replace(GGA, message="UBX-NAV-PVT", quality=5, sigma_north_m=0.3, sigma_east_m=0.3)
    found = read({"UBX-NAV-PVT": pvt, "UBX-NAV-HPPOSLLH": fine})
    assert [found[t].value for t in ("latitude", "height", "fix", "sigma_north")] == [1.1, 4.0, 5, 0.3]
    void = Report(message="UBX-NAV-PVT", tod_ns=0, valid=False, quality=0)
    assert causes(read({"UBX-NAV-PVT": void, "UBX-NAV-HPPOSLLH": fine}), POSITION) == {Cause.NOT_VALID}


def test_a_position_whose_quality_nobody_tells_is_none():
    fine = Report(message="UBX-NAV-HPPOSLLH", tod_ns=0, latitude_deg=1.1, longitude_deg=2.1, height_m=4.0)
    found = read({"UBX-NAV-HPPOSLLH": fine}, known=("UBX-NAV-PVT", "UBX-NAV-HPPOSLLH"))
    assert causes(found, POSITION) == {Cause.NOT_VALID}
    assert found["fix"].cause is Cause.STALE


def test_the_receivers_own_protection_level():
    level = Report(message="UBX-NAV-PL", tod_ns=0, valid=True, receiver_level_m=0.4)
    assert read(WHOLE | {"UBX-NAV-PL": level})["receiver_level"].value == 0.4
    void = replace(level, valid=False, receiver_level_m=None)
    assert read(WHOLE | {"UBX-NAV-PL": void})["receiver_level"].cause is Cause.NOT_VALID


def test_a_repeated_epoch_is_frozen_throughout():
    found = read(WHOLE, repeated=True)
    assert {r.cause for r in found.values()} == {Cause.FROZEN}
    assert {r.quality for r in found.values()} == {Quality.BAD}


def test_every_message_that_is_read_has_a_place_here():
    """A message that the reader learns must be ranked, or it would be read and never used."""
    from drivers.gnss.messages import reader

    layouts = [*reader.STANDARD, *reader.PROPRIETARY, *reader.LOGS]
    names = set(layouts) | {layout.name for layout in reader.UBX_MESSAGES.values()}
    placed = {*POSITIONS, *VELOCITIES, *HEADINGS, *SIGMAS, *QUALITIES, "UBX-NAV-PL", "ZDA", "RMC"}
    assert names <= placed
