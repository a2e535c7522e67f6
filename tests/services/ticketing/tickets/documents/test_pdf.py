import io
import re
from pathlib import Path

import pikepdf
import pypdfium2  # type: ignore[import-untyped]  # ships no types
import pytest
import zxingcpp
from msgspec.structs import replace
from pdfua import validate
from PIL import Image, ImageFilter

from services.ticketing.tickets.documents import pdf
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.formats import LANGUAGES
from services.ticketing.tickets.documents.labels import CHANNELS

HOSTILE = {
    "markup": '#panic("x") *bold* _i_ $x^2$ <label> @reference `raw` \\ // /* = "',
    "long words": "W" * 300,
    "long text": "Une exposition au très long nom " * 10,
    "arabic": "متحف الفن الحديث",
    "chinese": "故宫博物院",
    "emoji": "🎟️ 🏛️ 👩‍👩‍👧 🇫🇷",
    "many scripts": "ไทย हिन्दी עברית 日本 Ελληνικά Кириллица ﷺ",
    "stacked accents": "".join(letter + "\u0351\u036b\u0322\u0328" * 20 for letter in "ZALGO"),
    "controls": "a\x00\x07\u202eb\u2066c\ud800\ufeff\ue000",
    "every plane": "".join(chr(point) for point in range(0xA0, 0x1_0000, 0xDD)),
    "nothing": " \n ",
    "a lone joiner": "\u200d",
    "a lone accent": "\u0301",
}
WRITTEN_BY_OTHERS = (
    *("establishment_name", "offer_name", "venue_name", "venue_address", "tariff_name", "proof"),
    *("operator_name", "operator_siret", "operator_licence", "channel", "accent_colour"),
)


def picture(data: bytes, page: int = 0) -> Image.Image:
    image: Image.Image = pypdfium2.PdfDocument(data)[page].render(scale=2).to_pil()
    return image.convert("L")


def text_of(data: bytes, page: int = 0) -> str:
    text: str = pypdfium2.PdfDocument(data)[page].get_textpage().get_text_range()
    return re.sub(r"\s+", " ", text)


def codes_in(image: Image.Image) -> list[str]:
    return [barcode.text for barcode in zxingcpp.read_barcodes(image)]


def findings(data: bytes, tmp_path: Path) -> list[str]:
    path = tmp_path / "tickets.pdf"
    path.write_bytes(data)
    return [f"{finding.rule_id} {finding.message}" for finding in validate(str(path)).findings]


def structure(data: bytes) -> str:
    with pikepdf.open(io.BytesIO(data)) as document:
        objects = [item for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/S" in item]
        return " ".join(f"{item['/S']} {item.get('/Lang', '')} {item.get('/Alt', '')}" for item in objects)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_pdf_is_accessible_in_every_language(document: TicketDocument, language: str, tmp_path: Path) -> None:
    data = pdf.render([document, replace(document, timed=False, price_minor=0)], language)
    assert findings(data, tmp_path) == []
    with pikepdf.open(io.BytesIO(data)) as file:
        assert str(file.Root.Lang) == language
        assert "Lumières du Nord" in str(file.docinfo["/Title"])
        assert str(file.docinfo["/Author"]) == document.establishment_name
    assert "W3M9-TRVYTB" in structure(data)
    assert "/H1" in structure(data)


def test_pdf_marks_names_in_the_language_of_the_offer(document: TicketDocument) -> None:
    assert re.search(r"/\w+ fr-?\w* ", structure(pdf.render([document], "de")))


def test_pdf_shows_every_mention(document: TicketDocument) -> None:
    shown = text_of(pdf.render([document], "fr"))
    for mention in (
        "Musée des Arts du Littoral",
        "Lumières du Nord",
        "Palais de la Marine",
        "3, quai des Tilleuls, 33000 Bordeaux",
        "samedi 1er mai 2027",
        "10 h 30",
        "jusqu’à 11 h 30",
        "Tarif réduit",
        "15,00 €",
        "5,5 %, soit 0,78 €",
        "1204",
        "K7P4-9XQ2M3",
        "W3M9-TRVYTB",
        "Carte d’étudiant",
        "lundi 12 avril 2027 à 19 h 05",
        "Vente en ligne",
        "Régie des musées du Littoral",
        "123 456 789 00012",
        "PLATESV-R-2027-001234",
        "01920000-0000-7000-8000-000000000002",
        "Europe/Paris",
    ):
        assert mention in shown, mention


def test_pdf_of_a_free_open_ticket_says_so(document: TicketDocument) -> None:
    shown = text_of(pdf.render([replace(document, price_minor=0, timed=False, admits=4, channel="Salon 2027")], "fr"))
    for mention in ("gratuit", "à toute heure d’ouverture", "4 personnes", "Salon 2027"):
        assert mention in shown
    assert "10 h 30" not in shown
    assert "TVA" not in shown


def test_pdf_falls_back_to_english(document: TicketDocument) -> None:
    assert "Admission ticket" in text_of(pdf.render([document], "nl"))


def test_pdf_without_tickets_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        pdf.render([], "fr")


def test_pdf_holds_one_page_for_each_ticket(document: TicketDocument) -> None:
    data = pdf.render([replace(document, number=number) for number in (7, 8, 9)], "fr")
    assert len(pypdfium2.PdfDocument(data)) == 3
    assert [f"Billet {page + 1} sur 3" in text_of(data, page) for page in range(3)] == [True] * 3


def test_qr_is_read_from_the_page_however_it_is_held(document: TicketDocument) -> None:
    page = picture(pdf.render([document], "fr"))
    versions = {
        "as it is": page,
        "half size": page.resize((page.width // 2, page.height // 2), Image.Resampling.BILINEAR),
        "blurred": page.filter(ImageFilter.GaussianBlur(1.2)),
        "askew": page.rotate(17, expand=True, fillcolor=255),
        "upside down": page.rotate(180),
        "grey": page.point(lambda value: 90 + value // 3),
    }
    assert {name: codes_in(image) for name, image in versions.items()} == {name: [document.code] for name in versions}


def test_qr_is_larger_than_four_centimetres_with_its_quiet_zone_white(document: TicketDocument) -> None:
    page = picture(pdf.render([document], "fr"))
    [barcode] = zxingcpp.read_barcodes(page)
    corners = barcode.position
    pixels_per_centimetre = 2 * 72 / 2.54
    side = corners.bottom_right.x - corners.top_left.x
    assert side / pixels_per_centimetre > 4
    quiet = round(side * 3.5 / 49)
    box = (
        corners.top_left.x - quiet,
        corners.top_left.y - quiet,
        corners.bottom_right.x + quiet,
        corners.top_left.y - 3,
    )
    assert page.crop(box).getextrema() == (255, 255)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_neither_break_the_page_nor_the_code(document: TicketDocument, name: str, tmp_path: Path) -> None:
    hostile = replace(document, **dict.fromkeys(WRITTEN_BY_OTHERS, HOSTILE[name]))
    data = pdf.render([hostile, document], "fr")
    assert len(pypdfium2.PdfDocument(data)) == 2
    assert codes_in(picture(data)) == [document.code]
    assert codes_in(picture(data, 1)) == [document.code]
    assert findings(data, tmp_path) == []
    shown = text_of(data)
    assert all(mention in shown for mention in ("1204", "K7P4-9XQ2M3", "15,00 €", "W3M9-TRVYTB", "Europe/Paris"))
    page = picture(data)
    margin = (0, round(page.height * 0.05), round(page.width * 0.07), page.height)
    assert page.crop(margin).getextrema() == (255, 255), "something runs over the left margin"
    opposite = (page.width - margin[2], margin[1], page.width, page.height)
    assert page.crop(opposite).getextrema() == (255, 255), "something runs over the right margin"


def test_markup_in_names_is_shown_and_not_obeyed(document: TicketDocument) -> None:
    markup = '#panic("x") *bold* $x^2$ <label> @reference `raw`'
    assert markup in text_of(pdf.render([replace(document, offer_name=markup)], "fr"))


def test_names_in_other_scripts_keep_what_the_fonts_can_draw(document: TicketDocument) -> None:
    shown = text_of(pdf.render([replace(document, offer_name="故宫 Ελληνικά Кириллица")], "fr"))
    assert "▯▯ Ελληνικά Кириллица" in shown


def test_every_channel_is_named_in_every_language() -> None:
    assert {frozenset(names) for names in CHANNELS.values()} == {LANGUAGES}
