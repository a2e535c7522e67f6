_SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "jpy": "¥"}
_WITHOUT_MINOR_UNIT = frozenset({"clp", "jpy", "krw", "vnd", "xaf", "xof", "xpf"})


def format_amount(amount_minor: int, currency: str, language: str = "en") -> str:
    """`€12.00`, or in French `12,00 €` with no-break spaces."""
    symbol = _SYMBOLS.get(currency, currency.upper())
    places = 0 if currency in _WITHOUT_MINOR_UNIT else 2
    number = f"{amount_minor / 10**places:,.{places}f}"
    if language == "fr":
        return number.replace(",", "\u202f").replace(".", ",") + f"\u00a0{symbol}"
    return f"{symbol}{number}" if len(symbol) == 1 else f"{number}\u00a0{symbol}"
