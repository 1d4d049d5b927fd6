"""Every recording of real receivers goes through framer, parser and assembler, and is counted."""

import asyncio
import os
import pty
import random
import tty
from pathlib import Path

import pytest
from device_port import FakePort, eventually

from drivers.gnss import GnssConfig, GnssDriver
from drivers.gnss.decoder import Decoder
from drivers.gnss.epoch import EpochAssembler
from drivers.gnss.wire import Framer
from gatectl.model.device import Wire

DATA = Path(__file__).parents[4] / "shared" / "data" / "gnss"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the GNSS recordings are not beside the repository")

# file: (epochs, sentences that matter, rejected by the framer)
EXPECTED = {
    "gpsd_nmea-rtk.log": (122, {"GGA": 122, "RMC": 122}, {"stray_bytes": 266}),
    "gpsd_skytraq-PX1172RH_DS_heading.log": (
        9,
        {"GGA": 9, "RMC": 9, "VTG": 9, "THS": 9, "HDT": 9, "PSTI,036": 9, "PSTI,035": 9},
        {"stray_bytes": 982},
    ),
    "gpsd_zed-f9p-nmea.log": (29, {"GGA": 29, "RMC": 29, "VTG": 29, "GST": 29}, {"stray_bytes": 340}),
    "trimbleR2_PTNL-GGK.txt": (34, {"GGA": 34, "RMC": 34, "VTG": 34, "GST": 34, "PTNL,GGK": 34}, {}),
    # The truth file's RMC sentences carry wrong checksums: none of them may come through.
    "google_F9K_drive.SPAN-truth.gga": (1748, {"GGA": 1748, "RMC": 0}, {"checksum": 1748}),
    "google_F9K_drive.nmea": (1653, {"GGA": 1653, "RMC": 1653, "VTG": 1652, "GLL": 1654}, {"checksum": 13}),
}


def epochs_of(data: bytes):
    decoder, assembler, found = Decoder(), EpochAssembler(), []
    for report, stamp in decoder.feed(data, 0):
        found += assembler.add(report, stamp)
    return found + assembler.quiet(), decoder.received, decoder.rejected


@needs_data
@pytest.mark.parametrize("name", EXPECTED)
def test_every_sentence_and_every_refusal_is_counted(name):
    count, sentences, rejected = EXPECTED[name]
    found, received, refused = epochs_of((DATA / name).read_bytes())
    assert len(found) == count
    assert {kind: received[kind] for kind in sentences} == sentences
    assert refused == rejected
    assert not any(epoch.repeated for epoch in found)


@needs_data
def test_there_is_no_recording_that_is_not_looked_at():
    assert {file.name for file in DATA.iterdir()} == set(EXPECTED)


@needs_data
@pytest.mark.parametrize("seed", range(5))
def test_flipped_bits_never_bring_a_line_that_was_not_sent(seed):
    """Bits flip in single bytes of half of the lines: exactly the others come through."""
    rng = random.Random(seed)
    lines = (DATA / "trimbleR2_PTNL-GGK.txt").read_bytes().splitlines(keepends=True)
    intact, data = [], b""
    for sent in lines:
        if rng.random() < 0.5:
            spoilt = bytearray(sent)
            spoilt[rng.randrange(1, len(sent.strip()) - 3)] ^= 1 << rng.randrange(8)
            data += bytes(spoilt)
        else:
            intact.append(sent.decode().strip())
            data += sent
    assert [frame.data.decode() for frame in Framer().feed(data, 0)] == intact


@needs_data
async def test_a_whole_recording_through_a_pty_keeps_fixed_and_float_apart():
    data = (DATA / "gpsd_nmea-rtk.log").read_bytes()
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    config = GnssConfig(wire=Wire(port=os.ttyname(slave)))
    port = FakePort("gnss", GnssDriver.tags(config))
    driver = GnssDriver("gnss", config, port)
    task = asyncio.create_task(driver.run())
    await asyncio.sleep(0.02)
    while data:
        try:
            data = data[os.write(master, data) :]
        except BlockingIOError:
            await asyncio.sleep(0.001)
    await eventually(lambda: len(port.commits) == 122, "all epochs")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    os.close(master)
    os.close(slave)
    fixes = [commit["fix"].value for commit in port.commits]
    assert {quality: fixes.count(quality) for quality in set(fixes)} == {2: 104, 4: 18}
    utc = [commit["epoch_utc"].value for commit in port.commits]
    assert utc == sorted(set(utc))
