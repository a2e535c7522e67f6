"""The QR code of a ticket: level M, quiet zone of four modules, black on white whatever the theme around it."""

from html import escape
from itertools import groupby
from typing import Final

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE_MODULES: Final = 4


def modules(code: str) -> list[list[bool]]:
    """The symbol row by row with its quiet zone; True is black."""
    # optimize=0 keeps the code in one segment: all its characters are alphanumeric, splitting could only cost bits.
    symbol = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE_MODULES)
    symbol.add_data(code, optimize=0)
    symbol.make(fit=True)
    return [[bool(module) for module in row] for row in symbol.get_matrix()]


def svg(code: str, title: str = "QR code") -> str:
    """One path that scales to any size; `title` is what a screen reader says."""
    rows = modules(code)
    side = len(rows)
    path = "".join(_row_path(row, y) for y, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" shape-rendering="crispEdges">'
        f"<title>{escape(title)}</title>"
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="{path}"/></svg>'
    )


def _row_path(row: list[bool], y: int) -> str:
    x = 0
    path = ""
    for black, run in groupby(row):
        width = len(list(run))
        if black:
            path += f"M{x} {y}h{width}v1h-{width}z"
        x += width
    return path
