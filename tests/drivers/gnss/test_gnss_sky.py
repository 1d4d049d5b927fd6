"""Satellites in view, from real receivers and from groups that are damaged."""

from pathlib import Path

import pytest
from gnss_wire import nmea

from drivers.gnss.decoder import Decoder
from drivers.gnss.sky import Sky

DATA = Path(__file__).parents[4] / "shared" / "data" / "gnss"


def sky(*bodies: str) -> Sky:
    found = Sky()
    for body in bodies:
        found.read(nmea(body).decode().strip())
    return found


def names(found: Sky) -> list[str]:
    return [satellite.name for satellite in found.satellites()]


@pytest.mark.skipif(not DATA.is_dir(), reason="the GNSS recordings are not beside the repository")
@pytest.mark.parametrize(
    ("name", "letters", "fewest"),
    [
        ("google_F9K_drive.nmea", "CEGR", 30),
        ("gpsd_zed-f9p-nmea.log", "CEGR", 20),
        ("trimbleR2_PTNL-GGK.txt", "EGR", 10),
    ],
)
def test_real_skies(name, letters, fewest):
    decoder = Decoder()
    for _ in decoder.feed((DATA / name).read_bytes(), 0):
        pass
    found = decoder.sky.satellites()
    assert len(found) >= fewest
    assert {s.name[0] for s in found} >= set(letters)
    assert all(s.elevation_deg is None or 0 <= s.elevation_deg <= 90 for s in found)
    assert all(s.azimuth_deg is None or 0 <= s.azimuth_deg < 361 for s in found)
    assert 4 <= sum(s.used is True for s in found) < len(found)


def test_a_group_counts_only_when_it_is_whole():
    first, second = "GPGSV,2,1,05,01,10,020,40,02,,,,03,30,040,,04,40,050,44", "GPGSV,2,2,05,05,50,060,45"
    assert names(sky(first)) == []
    assert names(sky(second)) == []
    assert names(sky(first, second)) == ["G01", "G02", "G03", "G04", "G05"]
    assert names(sky(first, second, "GPGSV,1,1,01,09,10,020,40")) == ["G09"]
    two = sky(first, second).satellites()[1]
    assert (two.elevation_deg, two.cn0_dbhz, two.used) == (None, None, None)


def test_the_strongest_of_several_signals_is_shown():
    found = sky("GPGSV,1,1,01,05,45,090,30,1", "GPGSV,1,1,01,05,45,090,44,6").satellites()
    assert [(s.name, s.cn0_dbhz) for s in found] == [("G05", 44.0)]


def test_numbers_become_rinex_names_and_gsa_tells_who_is_used():
    found = sky(
        "GPGSV,1,1,02,05,45,090,44,46,30,180,40",
        "GLGSV,1,1,01,65,45,090,44",
        "GNGSA,A,3,05,,,,,,,,,,,,1.2,0.6,1.0,1",
        "GNGSA,A,3,65,,,,,,,,,,,,1.2,0.6,1.0,2",
    )
    assert {s.name: s.used for s in found.satellites()} == {"G05": True, "R01": True, "S33": False}


@pytest.mark.parametrize(
    "body",
    ["GPGSV", "GPGSV,1", "GPGSV,a,b,c,d", "GPGSV,1,2,3", "GPGSV,1,1,01,xx,45,090,44", "GNGSA", "GPGGA"],
)
def test_what_is_damaged_is_ignored(body):
    assert names(sky(body)) == []
