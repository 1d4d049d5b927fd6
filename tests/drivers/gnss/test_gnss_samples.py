"""Which value is vouched for, and why one is not."""

import pytest

from drivers.gnss.epoch import Epoch
from drivers.gnss.samples import readings
from drivers.gnss.sentences import Gga, Gst, Heading, Rmc, Vtg
from gatectl.model import Cause, Quality

GGA = Gga(0, 1.0, 2.0, 3.0, 4, 12, 0.5)
RMC = Rmc(0, 20_000, True, False, 1.5, 0.7)
GST = Gst(0, 0.01, 0.02)
WHOLE = {"GGA": GGA, "RMC": RMC, "GST": GST, "THS": Heading(1.0, False)}
POSITION = ("latitude", "longitude", "height", "correction_age")


def read(sentences, repeated=False, known=("GGA", "RMC", "GST", "THS")):
    return readings(Epoch(0, 0, repeated, sentences), set(known))


def causes(found, tags):
    return {found[tag].cause for tag in tags}


def test_a_whole_epoch_is_good():
    found = read(WHOLE)
    assert {r.quality for r in found.values()} == {Quality.GOOD}
    assert {tag: r.value for tag, r in found.items()} == {
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


@pytest.mark.parametrize("quality", [0, 7, 8, 9, None])
def test_no_position_without_a_fix(quality):
    found = read(WHOLE | {"GGA": GGA._replace(quality=quality)})
    assert causes(found, (*POSITION, "sigma_north", "sigma_east")) == {Cause.NOT_VALID}
    assert found["fix"].value == (quality or 0)


def test_float_is_not_fixed():
    assert read(WHOLE | {"GGA": GGA._replace(quality=5)})["fix"].value == 5


def test_dead_reckoning_of_the_receiver_is_uncertain():
    found = read(WHOLE | {"GGA": GGA._replace(quality=6), "RMC": RMC._replace(estimated=True)})
    assert {found[t].quality for t in (*POSITION, "speed")} == {Quality.UNCERTAIN}


def test_rmc_void_voids_position_and_velocity_whatever_gga_says():
    found = read(WHOLE | {"RMC": RMC._replace(valid=False), "VTG": Vtg(True, False, 1.0, 1.0)})
    assert causes(found, (*POSITION, "sigma_north", "speed", "course")) == {Cause.NOT_VALID}


def test_half_a_position_is_none():
    found = read(WHOLE | {"GGA": GGA._replace(longitude_deg=None)})
    assert causes(found, POSITION) == {Cause.NOT_VALID}


def test_empty_fields_are_bad_one_by_one():
    found = read(WHOLE | {"GGA": GGA._replace(height_m=None, correction_age_s=None)})
    assert causes(found, ("height", "correction_age")) == {Cause.NOT_VALID}
    assert causes(found, ("latitude", "longitude")) == {Cause.NONE}


def test_a_sentence_missing_now_is_stale_one_never_seen_is_not_configured():
    found = read({"RMC": RMC}, known=("RMC", "GGA"))
    assert causes(found, (*POSITION, "fix", "satellites")) == {Cause.STALE}
    assert causes(found, ("sigma_north", "heading")) == {Cause.NOT_CONFIGURED}


def test_vtg_fills_what_rmc_leaves_empty():
    found = read({"RMC": RMC._replace(course_rad=None), "VTG": Vtg(True, False, 9.0, 0.3)})
    assert (found["speed"].value, found["course"].value) == (1.5, 0.3)
    assert read({"GGA": GGA, "VTG": Vtg(True, False, 9.0, 0.3)})["speed"].value == 9.0
    assert read({"GGA": GGA, "VTG": Vtg(False, False, 9.0, 0.3)})["speed"].cause is Cause.NOT_VALID


def test_ths_that_is_void_is_not_replaced_by_hdt():
    found = read(WHOLE | {"THS": Heading(None, False), "HDT": Heading(2.0, False)})
    assert found["heading"].cause is Cause.NOT_VALID


def test_a_repeated_epoch_is_frozen_throughout():
    found = read(WHOLE, repeated=True)
    assert {r.cause for r in found.values()} == {Cause.FROZEN}
    assert {r.quality for r in found.values()} == {Quality.BAD}
