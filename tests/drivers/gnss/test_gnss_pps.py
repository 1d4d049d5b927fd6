"""Pulses per second: from the kernel's struct to the monotonic clock. No real device: the reader and the
clocks are given by the test, and the struct is the one of <linux/pps.h>."""

import struct

import pytest

from drivers.gnss.pps import PPS_FETCH, PpsDevice, Pulse, PulseClock, clocks, pulse_of
from gatectl.model import DeviceError

S = 10**9
REAL_AHEAD = 1_700_000_000 * S  # the realtime clock's lead over the monotonic one


class Line:
    """A kernel with one pulse line; the realtime clock may be stepped."""

    def __init__(self) -> None:
        self.mono = 100 * S
        self.lead = REAL_AHEAD
        self.pulse: Pulse | None = None
        self.clock = PulseClock(lambda: self.pulse, lambda: (self.mono + self.lead, self.mono))

    def edge(self, at_mono: int) -> None:
        number = self.pulse.sequence + 1 if self.pulse else 1
        self.pulse = Pulse(number, at_mono + self.lead)

    def at(self, mono: int) -> int | None:
        self.mono = mono
        return self.clock.mono_ns()


def test_a_pulse_becomes_a_moment_of_the_monotonic_clock():
    line = Line()
    assert line.at(100 * S) is None
    line.edge(100 * S + 5)
    assert line.at(100 * S + 300_000_000) == 100 * S + 5
    assert line.at(101 * S) == 100 * S + 5
    line.edge(101 * S + 6)
    assert line.at(101 * S + 1000) == 101 * S + 6


def test_a_line_that_went_silent_gives_no_second():
    line = Line()
    line.edge(100 * S)
    assert line.at(101 * S + 400_000_000) == 100 * S
    assert line.at(101 * S + 600_000_000) is None


def test_a_stepped_system_clock_neither_moves_a_known_pulse_nor_makes_a_new_one_wrong():
    line = Line()
    line.edge(100 * S)
    assert line.at(100 * S + 1000) == 100 * S
    line.lead += 3 * S
    assert line.at(100 * S + 2000) == 100 * S
    line.edge(101 * S)
    line.lead -= 2 * S  # between the pulse and its reading: its age cannot be right
    assert line.at(101 * S + 1000) is None
    line.edge(102 * S)
    assert line.at(102 * S + 1000) == 102 * S


def test_noise_on_the_line_is_no_second_but_a_new_phase_is_taken_over():
    line = Line()
    line.edge(100 * S)
    assert line.at(100 * S + 1000) == 100 * S
    line.edge(100 * S + 400_000_000)
    assert [line.at(100 * S + 400_000_000 + n) for n in range(5)] == [None] * 5
    line.edge(101 * S)
    assert line.at(101 * S) == 101 * S
    seen = []
    for n in range(4):  # the receiver was restarted: its seconds begin elsewhere
        line.edge((102 + n) * S + 250_000_000)
        seen.append(line.at((102 + n) * S + 250_000_000))
    assert seen[:2] == [None, None]
    assert seen[3] == 105 * S + 250_000_000


def test_the_struct_is_the_kernels():
    data = struct.pack(
        "@IIqiIqiIiqiI", 7, 3, 1_700_000_000, 5, 0, 1_700_000_000, 100_000_005, 0, 0x11, 0, 0, 0
    )
    assert pulse_of(data) == Pulse(7, 1_700_000_000 * S + 5)
    assert pulse_of(data, clear=True) == Pulse(3, 1_700_000_000 * S + 100_000_005)
    assert pulse_of(bytes(len(data))) is None
    assert PPS_FETCH & 0xFFFF == 0x70A4


@pytest.mark.parametrize("path", ["/nonexistent/pps0", "/dev/null"])
def test_what_is_no_pulse_device_says_so(path):
    device = PpsDevice(path)
    with pytest.raises(DeviceError) as caught:
        device.read()
    assert caught.value.where == path
    assert "ppstest" in caught.value.remedy
    device.close()
    device.close()


def test_the_clocks_are_read_together():
    before, (real, mono), after = clocks(), clocks(), clocks()
    assert before[1] <= mono <= after[1]
    assert abs((real - mono) - (before[0] - before[1])) < S
