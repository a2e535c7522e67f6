"""What the instance says besides tickets: keys, scanners, gates, offers and their rules, slots, gauges."""

from collections.abc import Collection, Mapping
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from parvis.gate_hub.kept import Place
from parvis.gate_hub.signing import from_base64url
from services.ticketing.entry.passes.views import (
    EntryPass,
    PassEstablishment,
    PassGate,
    PassGauge,
    PassOffer,
    PassSlot,
    PassTariff,
    StaticParts,
)


class KnownPass(msgspec.Struct):
    """An entry pass without its tickets. `cursor`: where the instance goes on; None before all pages have come."""

    cursor: str | None = None
    parts: StaticParts | None = None
    slots: dict[UUID, PassSlot] = {}
    gauges: dict[UUID, PassGauge] = {}


class HubDevice(msgspec.Struct, frozen=True):
    """Another scanner, at these gates."""

    id: UUID
    name: str
    key: Ed25519PublicKey
    gate_ids: frozenset[UUID]


class Directory:
    def __init__(self) -> None:
        self.passes: dict[Place, KnownPass] = {}
        self._take_together()

    def apply(self, place: Place, page: EntryPass) -> KnownPass:
        """One page over what was known."""
        known = self.passes.setdefault(place, KnownPass())
        known.cursor = page.cursor
        known.slots |= {slot.id: slot for slot in page.slots}
        known.gauges |= {gauge.id: gauge for gauge in page.gauges}
        if page.establishment is not None:
            # The last to be told is the newest.
            self.passes[place] = self.passes.pop(place)
            known.parts = StaticParts(
                page.establishment,
                page.keys or [],
                page.gates or [],
                page.devices or [],
                page.offers or [],
                page.tariffs or [],
            )
            self._take_together()
        return known

    def restore(self, passes: Mapping[Place, KnownPass]) -> None:
        self.passes = dict(passes)
        self._take_together()

    def keep_only(self, dates: Collection[str]) -> list[Place]:
        """Forgets days that are over, and returns which."""
        over = [place for place in self.passes if place.date not in dates]
        for place in over:
            del self.passes[place]
        return over

    def slot(self, slot_id: UUID) -> PassSlot | None:
        return next((known.slots[slot_id] for known in self.passes.values() if slot_id in known.slots), None)

    def offer_of(self, tariff_id: UUID | None, slot_id: UUID | None) -> PassOffer | None:
        """The slot of a ticket that was just sold may be new here; its tariff hardly ever is."""
        tariff = self.tariffs.get(tariff_id) if tariff_id else None
        if tariff is not None:
            return self.offers.get(tariff.offer_id)
        slot = self.slot(slot_id) if slot_id else None
        return self.offers.get(slot.offer_id) if slot else None

    def gauges(self, date: str) -> dict[UUID, PassGauge]:
        """By id, as they stood on that day when the instance was last heard of."""
        return {
            gauge.id: gauge
            for place, known in self.passes.items()
            if place.date == date
            for gauge in known.gauges.values()
        }

    def _take_together(self) -> None:
        parts = [known.parts for known in self.passes.values() if known.parts is not None]
        self.establishment: PassEstablishment | None = parts[-1].establishment if parts else None
        self.gates: dict[UUID, PassGate] = {gate.id: gate for one in parts for gate in one.gates}
        self.offers: dict[UUID, PassOffer] = {offer.id: offer for one in parts for offer in one.offers}
        self.tariffs: dict[UUID, PassTariff] = {tariff.id: tariff for one in parts for tariff in one.tariffs}
        # Whole lists: who is not on the newest one any more was revoked.
        newest = parts[-1] if parts else None
        self.keys = {key.key_id: _key(key.public_key) for key in newest.keys} if newest else {}
        self.devices = (
            {
                one.id: HubDevice(one.id, one.name, _key(one.public_key), frozenset(one.gate_ids))
                for one in newest.devices
            }
            if newest
            else {}
        )


def _key(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(from_base64url(text))
