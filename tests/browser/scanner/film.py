"""What the camera is made to see: QR codes one after the other, and nothing in between."""

from collections.abc import Sequence
from pathlib import Path

import qrcode
from qrcode.constants import ERROR_CORRECT_M

WIDTH, HEIGHT = 320, 240
FRAMES_PER_SECOND = 10
QUIET_ZONE_MODULES = 4
# In YUV: full black would be 0, full white 255; cameras leave a margin.
BLACK, WHITE, NO_COLOUR = b"\x10", b"\xeb", b"\x80"


def film(path: Path, scenes: Sequence[tuple[str | None, float]]) -> Path:
    """A `.y4m` of texts as QR codes, None for an empty table, each for so many seconds. Chromium plays it in a loop."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for text, seconds in scenes:
            frame = b"FRAME\n" + _frame(text)
            for _ in range(round(seconds * FRAMES_PER_SECOND)):
                file.write(frame)
    return path


def _frame(text: str | None) -> bytes:
    rows = _rows(text) if text else []
    margin = (HEIGHT - len(rows)) // 2
    empty = WHITE * WIDTH
    picture = [empty] * margin + rows + [empty] * (HEIGHT - margin - len(rows))
    return b"".join(picture) + NO_COLOUR * (WIDTH * HEIGHT // 2)


def _rows(text: str) -> list[bytes]:
    symbol = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE_MODULES)
    symbol.add_data(text)
    matrix = symbol.get_matrix()
    pixels = HEIGHT // len(matrix)
    side = (WIDTH - pixels * len(matrix)) // 2
    rows = []
    for modules in matrix:
        line = b"".join((BLACK if module else WHITE) * pixels for module in modules)
        rows += [(WHITE * side + line).ljust(WIDTH, WHITE)] * pixels
    return rows
