"""Who may have a tariff, in words."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from gateway.shop.answers import Eligibility, Tariff
from gateway.shop.language import Said, Words

MAX_QUANTITY = 20


class Choice(msgspec.Struct, frozen=True):
    """A tariff as a visitor chooses it. `conditions` are sentences; `most` is how many can be asked for at once."""

    tariff: Tariff
    name: Said
    price: str
    conditions: list[str]
    proof: Said | None
    most: int


def choices(words: Words, tariffs: Sequence[Tariff]) -> list[Choice]:
    names = {tariff.id: words.said(tariff.name).text for tariff in tariffs}
    return [
        Choice(
            tariff=tariff,
            name=words.said(tariff.name),
            price=words.price(tariff.price.amount, tariff.price.currency),
            conditions=_conditions(words, tariff, names),
            proof=words.said(tariff.eligibility.proof) if tariff.eligibility.proof else None,
            most=min(tariff.max_per_order or MAX_QUANTITY, MAX_QUANTITY),
        )
        for tariff in tariffs
    ]


def _conditions(words: Words, tariff: Tariff, names: Mapping[UUID, str]) -> list[str]:
    found = [_age(words, tariff.eligibility)]
    if tariff.admits > 1:
        found.append(words.ngettext("Admits %(num)s person.", "Admits %(num)s people together.", tariff.admits))
    needed = [names[other] for other in tariff.eligibility.accompanied_by or () if other in names]
    if needed:
        found.append(words.gettext("Only together with: %(tariffs)s.", tariffs=", ".join(needed)))
    if tariff.min_per_order is not None and tariff.min_per_order > 1:
        found.append(words.ngettext("At least %(num)s per order.", "At least %(num)s per order.", tariff.min_per_order))
    return [condition for condition in found if condition]


def _age(words: Words, eligibility: Eligibility) -> str:
    least, most = eligibility.min_age, eligibility.max_age
    if least is not None and most is not None:
        return words.gettext("From %(least)s to %(most)s years of age.", least=least, most=most)
    if least is not None:
        return words.gettext("From %(least)s years of age.", least=least)
    if most is not None:
        return words.gettext("Up to %(most)s years of age.", most=most)
    return ""
