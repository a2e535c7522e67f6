"""What a visitor wants to buy, as forms say it, and what is wrong with it in the visitor's words. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import msgspec

from gateway.shop.answers import Tariff
from gateway.shop.language import Words
from gateway.shop.offer import Fault
from gateway.shop.own_answers import Line
from services.kit.errors import Refused

MAX_QUANTITY = 500
IN_LINES = re.compile(r"#/lines/(\d+)/(\w+)")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
CUSTOMER = {"#/customer/name": "name", "#/customer/email": "email"}


class Wanted(msgspec.Struct, frozen=True):
    """Fields as the API takes them."""

    slot_id: UUID
    tariff_id: UUID
    quantity: int


class BadNumberError(Exception):
    """A quantity that is no number; `field` is its name."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def chosen(form: Mapping[str, str], slot_id: UUID) -> list[Wanted]:
    """What the form of an offer says: `quantity.<tariff id>`. Raises `BadNumberError`."""
    found = []
    for field, value in form.items():
        prefix, _, tariff = field.partition(".")
        tariff_id = read_id(tariff)
        if prefix == "quantity" and tariff_id is not None and (number := _number(field, value)):
            found.append(Wanted(slot_id, tariff_id, number))
    return found


def changed(form: Mapping[str, str], lines: Sequence[Line]) -> list[Wanted]:
    """What the form of the order says: `quantity.<slot id>.<tariff id>`, or `remove` one. Raises `BadNumberError`."""
    removed = form.get("remove", "")
    kept = []
    for line in lines:
        name = line_name(line)
        number = _number(f"quantity.{name}", form.get(f"quantity.{name}", str(line.quantity)))
        if number and name != removed:
            kept.append(Wanted(line.slot_id, line.tariff_id, number))
    return kept


def line_name(line: Line | Wanted) -> str:
    return f"{line.slot_id}.{line.tariff_id}"


def together(lines: Sequence[Line], wanted: Sequence[Wanted]) -> list[Wanted]:
    """Adding what is there already sets its number: a form that comes twice does not double it."""
    kept = {(line.slot_id, line.tariff_id): Wanted(line.slot_id, line.tariff_id, line.quantity) for line in lines}
    return list((kept | {(one.slot_id, one.tariff_id): one for one in wanted}).values())


def read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def faults(
    words: Words,
    refused: Refused,
    wanted: Sequence[Wanted],
    tariffs: Mapping[UUID, Tariff],
    name: Callable[[Wanted], str],
) -> list[Fault]:
    """What the API said, beside the fields that `name` gives for a line."""
    found: list[Fault] = []
    for error in refused.errors:
        match = IN_LINES.fullmatch(error.pointer)
        if match and int(match.group(1)) < len(wanted):
            one = wanted[int(match.group(1))]
            field, text = name(one), _about_line(words, match.group(2), one, wanted, tariffs)
        elif error.pointer in CUSTOMER:
            field = CUSTOMER[error.pointer]
            # An empty one was seen before it was sent.
            text = _about_name(words) if field == "name" else about_customer(words, field)
        else:
            field, text = "", words.gettext("This cannot be ordered so. Please change your choice.")
        if (fault := Fault(field, text)) not in found:
            found.append(fault)
    return found or [Fault("", words.gettext("This cannot be ordered so. Please change your choice."))]


def unreadable(form: Mapping[str, str]) -> list[str]:
    """Which fields of the customer cannot be right. The API looks closer."""
    missing = [] if form.get("name", "").strip() else ["name"]
    return missing if EMAIL.fullmatch(form.get("email", "").strip()) else [*missing, "email"]


def about_customer(words: Words, field: str) -> str:
    if field == "name":
        return words.gettext("Please enter your name.")
    return words.gettext("Please enter your e-mail address, like name@example.org.")


def _about_name(words: Words) -> str:
    return words.gettext("Please enter a name of at most 200 letters, without a web address.")


def _about_line(words: Words, field: str, one: Wanted, wanted: Sequence[Wanted], tariffs: Mapping[UUID, Tariff]) -> str:
    if field == "slot_id":
        return words.gettext("This time is no longer on sale. Please choose another.")
    tariff = tariffs.get(one.tariff_id)
    if tariff is None:
        return words.gettext("This ticket is no longer on sale.")
    name = words.said(tariff.name).text
    total = sum(other.quantity for other in wanted if other.tariff_id == one.tariff_id)
    if tariff.max_per_order is not None and total > tariff.max_per_order:
        return words.ngettext(
            "%(tariff)s: at most %(num)s per order.",
            "%(tariff)s: at most %(num)s per order.",
            tariff.max_per_order,
            tariff=name,
        )
    if tariff.min_per_order is not None and total < tariff.min_per_order:
        return words.ngettext(
            "%(tariff)s: at least %(num)s per order.",
            "%(tariff)s: at least %(num)s per order.",
            tariff.min_per_order,
            tariff=name,
        )
    company = [
        words.said(tariffs[other].name).text for other in tariff.eligibility.accompanied_by or () if other in tariffs
    ]
    if company:
        return words.gettext("%(tariff)s: only together with %(others)s.", tariff=name, others=", ".join(company))
    return words.gettext("%(tariff)s: this number cannot be ordered.", tariff=name)


def _number(field: str, value: str) -> int:
    text = value.strip() or "0"
    if not (text.isascii() and text.isdigit()) or len(text) > 3 or int(text) > MAX_QUANTITY:  # noqa: PLR2004 - digits of the largest
        raise BadNumberError(field)
    return int(text)
