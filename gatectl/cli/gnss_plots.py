"""Pictures made of characters: the sky, signal bars, and positions around their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.text import Text

from gatectl.cli.gnss_history import Scatter
from gatectl.model.device import Satellite

STRONG_DBHZ, WEAK_DBHZ = 40.0, 30.0
BARS = "▁▂▃▄▅▆▇█"
BAR_FROM_DBHZ, BAR_TO_DBHZ = 15.0, 55.0
BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # dots of a cell by column and row
NAME = 3


class Canvas:
    """Characters with styles on a grid; row 0 is the top."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._cells = [[(" ", "")] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, style: str = "", *, over: bool = True) -> bool:
        """False, and nothing written, if it does not fit or (without over) the place is taken."""
        if not 0 <= y < self.height or x < 0 or x + len(text) > self.width:
            return False
        if not over and any(cell[0] not in " ·+" for cell in self._cells[y][x : x + len(text)]):
            return False
        for i, char in enumerate(text):
            self._cells[y][x + i] = (char, style)
        return True

    def text(self) -> Text:
        out = Text(no_wrap=True, end="")
        for number, row in enumerate(self._cells):
            if number:
                out.append("\n")
            for char, style in row:
                out.append(char, style)
        return out


def sky(satellites: Sequence[Satellite], width: int, height: int) -> Text:
    """North up, the zenith in the middle, the outer ring the horizon, the inner one 45 degrees. Green,
    yellow, red: strong to weak; dim: not used; lower case too, for terminals without colours."""
    canvas = Canvas(width, height)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    radius_y = middle_y
    radius_x = min(middle_x - 1, 2.1 * radius_y)

    def at(elevation_deg: float, azimuth_deg: float) -> tuple[int, int]:
        away = (90.0 - elevation_deg) / 90.0
        azimuth = math.radians(azimuth_deg)
        return (
            round(middle_x + away * radius_x * math.sin(azimuth)),
            round(middle_y - away * radius_y * math.cos(azimuth)),
        )

    for elevation in (0.0, 45.0):
        for step in range(0, 360, 5):
            canvas.put(*at(elevation, step), "·", "dim")
    canvas.put(*at(90, 0), "+", "dim")
    for azimuth, name in ((0, "N"), (90, "E"), (180, "S"), (270, "W")):
        canvas.put(*at(0, azimuth), name, "bold")
    for satellite in sorted(satellites, key=lambda s: -(s.cn0_dbhz or 0.0)):
        if satellite.elevation_deg is None or satellite.azimuth_deg is None:
            continue
        x, y = at(satellite.elevation_deg, satellite.azimuth_deg)
        x = min(max(0, x - NAME // 2), width - NAME)
        for dy in (0, 1, -1):  # neighbours move aside; what finds no place is in the bars
            if canvas.put(x, y + dy, _shown(satellite), _style(satellite), over=False):
                break
    return canvas.text()


def bars(satellites: Sequence[Satellite], width: int, rows: int) -> Text:
    """C/N0 per satellite, strongest first; each row of bars is two lines high."""
    per_row = width // (NAME + 1)
    heard = sorted((s for s in satellites if s.cn0_dbhz), key=lambda s: (-(s.cn0_dbhz or 0.0), s.name))
    out = Text(no_wrap=True)
    for row in range(rows):
        part = heard[row * per_row : (row + 1) * per_row]
        if not part:
            break
        if row:
            out.append("\n")
        for satellite in part:
            level = ((satellite.cn0_dbhz or 0.0) - BAR_FROM_DBHZ) / (BAR_TO_DBHZ - BAR_FROM_DBHZ)
            bar = BARS[min(len(BARS) - 1, max(0, int(level * len(BARS))))]
            out.append(f"{bar}{satellite.cn0_dbhz:2.0f} ", _style(satellite))
        out.append("\n")
        for satellite in part:
            out.append(f"{_shown(satellite)} ", _style(satellite))
    return out


def scatter(found: Scatter, width: int, height: int) -> Text:
    """Positions around their mean in braille dots, north up, with the width of the picture."""
    columns, lines = width, height - 1
    dots_x, dots_y = 2 * columns, 4 * lines
    reach = max(found.p95_m * 1.5, max((math.hypot(*p) for p in found.points[-1:]), default=0.0), 0.005)
    # A character is about twice as high as wide and holds 2 x 4 dots: dots are square.
    per_dot = 2.0 * reach / min(dots_x, dots_y)
    cells = [[0] * columns for _ in range(lines)]
    for east, north in found.points:
        x = math.floor(dots_x / 2 + east / per_dot)
        y = math.floor(dots_y / 2 - north / per_dot)
        if 0 <= x < dots_x and 0 <= y < dots_y:
            cells[y // 4][x // 2] |= BRAILLE[x % 2][y % 4]
    out = Text(no_wrap=True, end="")
    for row in cells:
        out.append("".join(chr(0x2800 + cell) for cell in row) + "\n", "cyan")
    out.append(f"{length(per_dot * dots_x)} wide, N up".center(width), "dim")
    return out


def length(metres: float) -> str:
    """`1.2 cm`, `3.40 m`."""
    return f"{metres * 100:.1f} cm" if metres < 1.0 else f"{metres:.2f} m"


def _shown(satellite: Satellite) -> str:
    name = satellite.name[:NAME].ljust(NAME)
    return name if satellite.used is not False else name.lower()


def _style(satellite: Satellite) -> str:
    level = satellite.cn0_dbhz
    colour = "red" if level is None or level < WEAK_DBHZ else "yellow" if level < STRONG_DBHZ else "green"
    return colour if satellite.used is not False else f"dim {colour}"
