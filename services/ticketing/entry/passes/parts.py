"""The parts of an entry pass that seldom change, and which of them a scanner has."""

import hashlib
from uuid import UUID

import msgspec

from services.ticketing.catalog.queries import Catalogue, Offer, Venue
from services.ticketing.catalog.rules import Tariff
from services.ticketing.entry.passes.queries import KnownKeys
from services.ticketing.entry.passes.sealing import base64url
from services.ticketing.entry.passes.views import (
    PassDevice,
    PassEstablishment,
    PassGate,
    PassKey,
    PassOffer,
    PassTariff,
    StaticParts,
)
from services.ticketing.establishments.queries import Establishment


def static_parts(establishment: Establishment, catalogue: Catalogue, keys: KnownKeys, *, venue_id: UUID) -> StaticParts:
    """Unpublished offers and archived tariffs too: tickets of theirs may be out."""
    offers = [offer for offer in catalogue.offers.values() if offer.venue_id == venue_id]
    of_venue = {offer.id for offer in offers}
    tariffs = [tariff for tariff in catalogue.tariffs.values() if tariff.offer_id in of_venue]
    return StaticParts(
        establishment=PassEstablishment(
            establishment.id, establishment.slug, establishment.name, establishment.timezone, establishment.languages
        ),
        keys=[PassKey(key.key_id, base64url(key.public_key)) for key in keys.signing],
        gates=_gates(catalogue.venues.get(venue_id)),
        devices=[PassDevice(one.id, one.name, base64url(one.public_key), one.gate_ids) for one in keys.devices],
        # In the same order each time, so that nothing seems changed.
        offers=[_offer(offer) for offer in sorted(offers, key=lambda offer: offer.id)],
        tariffs=[_tariff(tariff) for tariff in sorted(tariffs, key=lambda tariff: tariff.id)],
    )


def mark_of(parts: StaticParts) -> str:
    """Another one as soon as anything differs."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:12]


def _gates(venue: Venue | None) -> list[PassGate]:
    return [PassGate(gate.id, gate.name, venue.id) for gate in venue.gates] if venue else []


def _offer(offer: Offer) -> PassOffer:
    return PassOffer(
        id=offer.id,
        name=offer.name,
        language=offer.language,
        venue_id=offer.venue_id,
        gate_ids=offer.entry.gate_ids,
        entries_allowed=offer.entry.entries,
        re_entry=offer.entry.re_entry,
        rebook_late=offer.entry.rebook_late,
        gauge_ids=offer.gauge_ids,
    )


def _tariff(tariff: Tariff) -> PassTariff:
    proof = tariff.eligibility.get("proof")
    return PassTariff(
        id=tariff.id,
        offer_id=tariff.offer_id,
        name=tariff.name,
        proof=msgspec.convert(proof, dict[str, str] | None),
    )
