from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
import sqlalchemy as sa

from services.kit.database import Database
from services.kit.errors import Conflict, Invalid, NotFound
from services.kit.event_chain import broken_links
from services.ticketing.establishments.actions import (
    EstablishmentChange,
    NewEstablishment,
    change_establishment,
    create_establishment,
)
from services.ticketing.establishments.queries import (
    Establishment,
    Establishments,
    find_establishment,
    list_establishments,
    profile,
)
from services.ticketing.establishments.tables import establishments
from tests.conftest import Instance
from tests.services.ticketing.rows import ledger
from tests.services.ticketing.shop import ACCOUNT, new_establishment
from tests.services.ticketing.statements import counted

Owner = asyncpg.Connection


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


def slug() -> str:
    return f"musee-{uuid4().hex}"


async def found(database: Database, **fields: Any) -> Establishment:  # noqa: ANN401 - fields of a NewEstablishment
    new = new_establishment(fields.pop("slug", None) or slug(), **fields)
    tenant = fields.get("id") or uuid4()
    return await database.write(tenant, partial(create_establishment, establishment_id=tenant, new=new))


async def change(database: Database, tenant: UUID, change: EstablishmentChange) -> Establishment:
    return await database.write(tenant, partial(change_establishment, establishment_id=tenant, change=change))


async def by(database: Database, reference: str | UUID) -> Establishment | None:
    return await database.read_instance(lambda session: find_establishment(session, reference))


async def test_establishment_is_found_by_slug_and_id(ticketing_database: Database, owner: Owner):
    museum = await found(ticketing_database)
    assert await by(ticketing_database, museum.slug) == museum
    assert await by(ticketing_database, museum.id) == museum
    assert await by(ticketing_database, str(museum.id).upper()) == museum
    assert await by(ticketing_database, slug()) is None
    events = await ledger(owner, museum.id)
    assert [event.type for event in events] == ["establishment.created"]
    assert broken_links(events) == []


async def test_slug_is_taken_once(ticketing_database: Database, owner: Owner):
    museum = await found(ticketing_database)
    with pytest.raises(Conflict, match=museum.slug):
        await found(ticketing_database, slug=museum.slug)
    assert await owner.fetchval("SELECT count(*) FROM ticketing.establishments WHERE slug = $1", museum.slug) == 1


@pytest.mark.parametrize(
    "slug",
    ["", "a", "-a", "a-", "A", "a b", "é", "a_b", "a/b", "x" * 64, "ab\n"],
)
def test_slug_that_does_not_fit_a_url_is_refused(slug: str):
    body = msgspec.to_builtins(new_establishment("musee")) | {"slug": slug}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, NewEstablishment)


async def test_time_zone_must_exist(ticketing_database: Database):
    with pytest.raises(Invalid) as refused:
        await found(ticketing_database, timezone="Europe/Lutetia")
    assert [error.pointer for error in refused.value.errors] == ["#/timezone"]


async def test_change_touches_only_what_was_sent(ticketing_database: Database, owner: Owner):
    museum, other = await found(ticketing_database), await found(ticketing_database)
    changed = await change(ticketing_database, museum.id, EstablishmentChange(hold_minutes=30, legal_name="Ville"))
    assert changed == msgspec.structs.replace(museum, hold_minutes=30, legal_name="Ville")
    assert await by(ticketing_database, other.id) == other
    last = (await ledger(owner, museum.id))[-1]
    assert (last.type, last.payload) == ("establishment.changed", '{"fields":["hold_minutes","legal_name"]}')


async def test_null_says_never_and_absence_says_nothing(ticketing_database: Database):
    museum = await found(ticketing_database)
    closed = await change(ticketing_database, museum.id, EstablishmentChange(cancellation_hours_before=None))
    assert (closed.cancellation_hours_before, closed.exchange_hours_before) == (None, 1)


async def test_change_of_nothing_is_refused(ticketing_database: Database):
    museum = await found(ticketing_database)
    with pytest.raises(Invalid):
        await change(ticketing_database, museum.id, EstablishmentChange())


async def test_establishment_cannot_change_another_one(ticketing_database: Database):
    """Everybody reads the registry; row-level security keeps each to its own row, were a statement to name another."""
    museum, other = await found(ticketing_database), await found(ticketing_database)
    rename = sa.update(establishments).where(establishments.c.id == other.id).values(legal_name="Mine")
    assert await ticketing_database.write(museum.id, lambda session: session.run(rename)) == 0
    assert await ticketing_database.write_instance(lambda session: session.run(rename)) == 0
    assert await by(ticketing_database, other.id) == other


def test_profile_keeps_what_is_not_public():
    fields = set(msgspec.structs.asdict(profile(_establishment())))
    assert fields == {
        "id",
        "slug",
        "name",
        "country",
        "timezone",
        "currency",
        "languages",
        "legal_name",
        "contact_email",
        "accent_colour",
        "payment_methods",
        "hold_minutes",
        "extension_minutes",
        "cancellation_hours_before",
        "exchange_hours_before",
        "wallet_until",
        "google_wallet",
    }


async def test_registry_lists_all_in_one_statement(ticketing_database: Database):
    counts = []
    for more in (1, 2):
        made = [await found(ticketing_database) for _ in range(more)]
        with counted(ticketing_database) as statements:
            cards = await ticketing_database.read_instance(list_establishments)
        counts.append(len(statements))
        assert {museum.slug for museum in made} <= {card.slug for card in cards}
    assert counts == [1, 1]
    assert [card.slug for card in cards] == sorted(card.slug for card in cards)


async def test_remembered_establishment_is_looked_up_again_when_told(ticketing_database: Database):
    museum = await found(ticketing_database)
    remembered = Establishments(ticketing_database)
    assert (await remembered.get(museum.id)).stripe_account == ACCOUNT
    changed = await change(ticketing_database, museum.id, EstablishmentChange(stripe_account=""))
    remembered.forget(museum.id)
    assert await remembered.get(museum.id) == changed
    with pytest.raises(NotFound):
        await remembered.get(uuid4())


def _establishment() -> Establishment:
    return Establishment(id=uuid4(), **msgspec.structs.asdict(new_establishment("musee")))
