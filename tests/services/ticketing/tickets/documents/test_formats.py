from datetime import date, time

import pytest

from services.ticketing.tickets.documents import formats

S, N = "\u00a0", "\u202f"


@pytest.mark.parametrize(
    ("language", "fifteen", "large", "huge"),
    [
        ("fr", f"15,00{N}€", f"1{N}234,50{N}€", f"12{N}345,67{N}€"),
        ("en", "€15.00", "€1,234.50", "€12,345.67"),
        ("de", f"15,00{S}€", f"1.234,50{S}€", f"12.345,67{S}€"),
        ("es", f"15,00{S}€", f"1234,50{S}€", f"12.345,67{S}€"),
        ("it", f"15,00{S}€", f"1.234,50{S}€", f"12.345,67{S}€"),
    ],
)
def test_money_is_written_as_the_language_does(language: str, fifteen: str, large: str, huge: str) -> None:
    written = [formats.money(amount, "EUR", language) for amount in (1500, 123_450, 1_234_567)]
    assert written == [fifteen, large, huge]


@pytest.mark.parametrize(
    ("currency", "language", "text"),
    [
        ("CHF", "de", f"10,05{S}CHF"),
        ("CHF", "en", f"CHF{S}10.05"),
        ("GBP", "en", "£10.05"),
        ("XPF", "fr", f"1{N}005{N}XPF"),
        ("TND", "fr", f"1,005{N}TND"),
    ],
)
def test_money_knows_the_decimals_of_a_currency(currency: str, language: str, text: str) -> None:
    assert formats.money(1005, currency, language) == text


def test_money_below_one_unit_keeps_its_zero() -> None:
    assert formats.money(5, "EUR", "fr") == f"0,05{N}€"


@pytest.mark.parametrize(
    ("language", "five_and_a_half", "twenty"),
    [
        ("fr", f"5,5{N}%", f"20{N}%"),
        ("en", "5.5%", "20%"),
        ("de", f"5,5{S}%", f"20{S}%"),
        ("es", f"5,5{S}%", f"20{S}%"),
        ("it", "5,5%", "20%"),
    ],
)
def test_percent_shows_no_more_decimals_than_needed(language: str, five_and_a_half: str, twenty: str) -> None:
    assert [formats.percent(rate, language) for rate in (550, 2000)] == [five_and_a_half, twenty]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "dimanche 2 mai 2027 à 10 h 30"),
        ("en", "Sunday 2 May 2027 at 10:30"),
        ("de", "Sonntag, 2. Mai 2027 um 10:30 Uhr"),
        ("es", "domingo, 2 de mayo de 2027, a las 10:30"),
        ("it", "domenica 2 maggio 2027 alle ore 10:30"),
    ],
)
def test_day_and_hour_are_written_as_the_language_does(language: str, text: str) -> None:
    assert formats.day_and_hour(date(2027, 5, 2), time(10, 30), language).replace(S, " ") == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("fr", "samedi 1er mai 2027 à 1 h"),
        ("en", "Saturday 1 May 2027 at 1:00"),
        ("de", "Samstag, 1. Mai 2027 um 1:00 Uhr"),
        ("es", "sábado, 1 de mayo de 2027, a la 1:00"),
        ("it", "sabato 1º maggio 2027 alle ore 1:00"),
    ],
)
def test_first_of_the_month_and_first_hour_have_their_own_form(language: str, text: str) -> None:
    assert formats.day_and_hour(date(2027, 5, 1), time(1, 0), language).replace(S, " ") == text


def test_every_language_has_seven_days_and_twelve_months() -> None:
    for language in formats.LANGUAGES:
        assert len({formats.weekday(date(2027, 5, day), language) for day in range(1, 8)}) == 7
        assert len({formats.long_date(date(2027, month, 2), language) for month in range(1, 13)}) == 12


@pytest.mark.parametrize(
    ("asked", "used"), [("fr", "fr"), ("de-AT", "de"), ("it_CH", "it"), ("FR", "fr"), ("nl", "en"), ("", "en")]
)
def test_unsupported_language_falls_back_to_english(asked: str, used: str) -> None:
    assert formats.supported(asked) == used
