import io
import re
from xml.etree.ElementTree import fromstring

import typst
import zxingcpp
from PIL import Image

from services.ticketing.tickets.code import verify
from services.ticketing.tickets.documents import qr
from services.ticketing.tickets.documents.document import TicketDocument
from tests.services.ticketing.tickets.conftest import KEY, PAYLOAD

SVG = "{http://www.w3.org/2000/svg}"


def test_qr_of_a_ticket_is_version_8_with_a_quiet_zone_of_four(document: TicketDocument) -> None:
    rows = qr.modules(document.code)
    assert {len(row) for row in rows} == {len(rows)} == {8 * 4 + 17 + 2 * 4}
    edges = [*rows[:4], *rows[-4:], *[row[:4] + row[-4:] for row in rows]]
    assert not any(module for row in edges for module in row)


def test_svg_draws_exactly_the_modules(document: TicketDocument) -> None:
    rows = qr.modules(document.code)
    drawn = [[False] * len(rows) for _ in rows]
    path = fromstring(qr.svg(document.code)).findall(f"{SVG}path")[1].attrib["d"]  # noqa: S314  # our own output
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path):
        for column in range(int(x), int(x) + int(width)):
            drawn[int(y)][column] = True
    assert drawn == rows


def test_svg_names_itself_and_escapes_its_title(document: TicketDocument) -> None:
    root = fromstring(qr.svg(document.code, "Billet <1> & co"))  # noqa: S314  # our own output
    assert root.attrib["role"] == "img"
    assert [title.text for title in root.findall(f"{SVG}title")] == ["Billet <1> & co"]


def test_svg_drawn_by_another_renderer_holds_the_ticket(document: TicketDocument) -> None:
    source = (
        '#set page(width: auto, height: auto, margin: 0pt)\n#image(bytes(sys.inputs.svg), format: "svg", width: 40mm)'
    )
    png = typst.compile(source.encode(), format="png", sys_inputs={"svg": qr.svg(document.code)})
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
    assert [barcode.text for barcode in found] == [document.code]
    assert verify(found[0].text, {1: KEY.public_key()}) == PAYLOAD
