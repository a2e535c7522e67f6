from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.shop.language import Said, liked_language, words


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", None),
        ("pl", None),
        ("*", None),
        ("de-AT", "de"),
        ("en;q=0.2, fr;q=0.1", "en"),
        ("pl, it;q=0.5, es;q=0.7", "es"),
        ("fr;q=0, en;q=0.1", "en"),
        ("en;q=none", None),
        (",;=,", None),
    ],
)
def test_language_is_the_one_that_the_reader_likes_best(header: str, language: str | None):
    assert liked_language(header) == language


@pytest.mark.parametrize(
    ("language", "day", "month", "time", "price", "cents"),
    [
        ("fr", "samedi 5 décembre", "décembre 2026", "9 h 30", "15 €", "13,50 €"),
        ("en", "Saturday 5 December", "December 2026", "09:30", "€15", "€13.50"),
        ("de", "Samstag, 5. Dezember", "Dezember 2026", "09:30", "15 €", "13,50 €"),
        ("es", "sábado, 5 de diciembre", "diciembre de 2026", "9:30", "15 €", "13,50 €"),
        ("it", "sabato 5 dicembre", "dicembre 2026", "09:30", "15 €", "13,50 €"),
    ],
)
def test_dates_times_and_prices_are_those_of_the_language(
    language: str, day: str, month: str, time: str, price: str, cents: str
):
    tongue = words(language)
    moment = datetime(2026, 12, 5, 9, 30, tzinfo=ZoneInfo("Europe/Paris"))
    said = [
        tongue.day(moment.date()),
        tongue.month(date(2026, 12, 1)),
        tongue.time(moment),
        tongue.price(1500, "EUR"),
        tongue.price(1350, "EUR"),
    ]
    assert [text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ") for text in said] == [
        day,
        month,
        time,
        price,
        cents,
    ]


def test_currency_without_cents_keeps_its_whole_price():
    assert words("en").price(1500, "JPY") == "¥1,500" or words("en").price(1500, "JPY") == "JP¥1,500"


def test_text_in_another_language_says_which():
    texts = {"fr": "Château fort", "ja": "城"}

    assert words("fr").said(texts) == Said("Château fort", None)
    assert words("de").said(texts) == Said("Château fort", "fr")
    assert words("de").said(texts | {"en": "Castle"}) == Said("Castle", "en")
    assert words("de").said({"ja": "城"}) == Said("城", "ja")
    assert words("de").said({}) == Said("", None)


def test_no_line_of_french_begins_with_a_mark():
    said = words("fr").said({"fr": "Ouvert : « oui » ; vraiment ?"}).text
    assert said.split(" ") == [
        "Ouvert\N{NO-BREAK SPACE}:",
        "«\N{NO-BREAK SPACE}oui\N{NO-BREAK SPACE}»\N{NO-BREAK SPACE};",
        "vraiment\N{NO-BREAK SPACE}?",
    ]
