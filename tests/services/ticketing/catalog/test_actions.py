"""What an establishment says about its venues, offers and tariffs, and what may contradict it."""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from services.kit.errors import Invalid, NotFound
from services.kit.money import Money
from services.ticketing.catalog.actions import (
    Eligibility,
    EntryInput,
    GateInput,
    NewOffer,
    NewTariff,
    NewVenue,
    OfferChange,
    SalesInput,
    TariffChange,
    VenueChange,
    change_tariff,
    change_venue,
    changed_offer,
    create_offer,
    create_tariff,
    create_venue,
    new_offer,
    save_offer,
    schedule,
)
from services.ticketing.catalog.queries import (
    Catalogues,
    EntryRules,
    Offer,
    Venue,
    find_offer,
    find_venue,
    find_venues,
    list_offers,
    list_tariffs,
    read_catalogue,
)
from services.ticketing.catalog.rules import Tariff
from tests.conftest import Instance
from tests.services.ticketing.rows import ledger
from tests.services.ticketing.shop import Shop
from tests.services.ticketing.statements import counted

PALACE = NewVenue(name={"fr": "Palais"}, timezone="Europe/Paris", gates=["Nord", GateInput("Sud")])


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def write(shop: Shop, action: Any, **arguments: Any) -> Any:  # noqa: ANN401 - an action of any kind
    return await shop.database.write(shop.tenant, partial(action, establishment_id=shop.tenant, **arguments))


async def read(shop: Shop, query: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - a query of any kind
    return await shop.database.read(shop.tenant, lambda session: query(session, shop.tenant, *arguments, **named))


async def venue(shop: Shop) -> Venue:
    made: Venue = await write(shop, create_venue, new=PALACE)
    return made


async def offer(shop: Shop, *, published: bool = True) -> Offer:
    new = NewOffer(name={"fr": "Visite"}, venue_id=(await venue(shop)).id, kind="timed", published=published)
    made: Offer = await write(shop, create_offer, offer=new_offer(uuid4(), new))
    return made


def tariff_of(**fields: Any) -> NewTariff:  # noqa: ANN401 - the fields of a NewTariff
    usual: dict[str, Any] = {"name": {"fr": "Plein"}, "price": Money(1500, "EUR"), "vat_rate_bp": 1000}
    return NewTariff(**usual | fields)


async def tariff(shop: Shop, **fields: Any) -> Tariff:  # noqa: ANN401 - the fields of a NewTariff
    made: Tariff = await write(shop, create_tariff, offer_id=shop.offer_id, new=tariff_of(**fields), currency="EUR")
    return made


def pointers(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [error.pointer for error in refused.value.errors]


async def test_venue_has_gates_by_name(shop: Shop):
    made = await venue(shop)
    assert [gate.name for gate in made.gates] == ["Nord", "Sud"]
    assert await read(shop, find_venue, made.id) == made


async def test_gate_keeps_its_id_when_it_is_renamed(shop: Shop):
    """Devices and scans name it."""
    made = await venue(shop)
    north, south = made.gates
    change = VenueChange(gates=[GateInput("Nord-Est", north.id), "Ouest"], address="1, place")
    changed = await write(shop, change_venue, venue_id=made.id, change=change)
    assert changed.address == "1, place"
    assert [(gate.name, gate.id) for gate in changed.gates[:2]] == [("Nord-Est", north.id), ("Sud", south.id)]
    assert [gate.name for gate in changed.gates[2:]] == ["Ouest"]


async def test_gate_of_another_venue_is_not_renamed(shop: Shop):
    mine, other = await venue(shop), await venue(shop)
    change = VenueChange(gates=["Ouest", GateInput("Mine", other.gates[0].id)])
    with pytest.raises(Invalid) as refused:
        await write(shop, change_venue, venue_id=mine.id, change=change)
    assert pointers(refused) == ["#/gates/1/id"]
    assert await read(shop, find_venue, other.id) == other
    assert await read(shop, find_venue, mine.id) == mine


async def test_change_of_nothing_or_of_nobody_is_refused(shop: Shop):
    made = await venue(shop)
    with pytest.raises(Invalid):
        await write(shop, change_venue, venue_id=made.id, change=VenueChange())
    with pytest.raises(NotFound):
        await write(shop, change_venue, venue_id=uuid4(), change=VenueChange(address="x"))
    with pytest.raises(NotFound):
        await write(shop, change_tariff, offer_id=shop.offer_id, tariff_id=uuid4(), change=TariffChange(archived=True))


async def test_offer_that_is_not_published_is_hidden(shop: Shop):
    hidden = await offer(shop, published=False)
    with pytest.raises(NotFound):
        await read(shop, find_offer, hidden.id)
    assert await read(shop, find_offer, hidden.id, unpublished=True) == hidden
    assert [one.id for one in await read(shop, list_offers, None, 10, unpublished=False)] == [shop.offer_id]
    listed = await read(shop, list_offers, None, 10, unpublished=True)
    assert {one.id for one in listed} == {shop.offer_id, hidden.id}


async def test_offer_changes_in_the_fields_that_were_sent(shop: Shop):
    made = await offer(shop)
    change = OfferChange(published=False, sales=SalesInput(late_entry_minutes=15))
    changed = await write(shop, save_offer, offer=changed_offer(made, change))
    assert (changed.name, changed.published, changed.sales.late_entry_minutes) == (made.name, False, 15)
    assert await read(shop, find_offer, made.id, unpublished=True) == changed
    with pytest.raises(NotFound):
        await write(shop, save_offer, offer=msgspec.structs.replace(made, id=uuid4()))


async def test_offer_says_how_often_and_where_its_tickets_pass(shop: Shop):
    made = await offer(shop)
    assert (made.entry, made.language) == (EntryRules(), None)
    gates = [gate.id for gate in (await read(shop, find_venue, made.venue_id)).gates]
    change = OfferChange(entry=EntryInput(entries=None, re_entry=True, gate_ids=gates[:1]), language="en")
    changed = await write(shop, save_offer, offer=changed_offer(made, change))
    assert changed.entry == EntryRules(entries=None, re_entry=True, rebook_late=False, gate_ids=gates[:1])
    assert await read(shop, find_offer, made.id, unpublished=True) == changed
    elsewhere = changed_offer(made, OfferChange(entry=EntryInput(gate_ids=[uuid4()])))
    with pytest.raises(Invalid) as refused:
        await write(shop, save_offer, offer=elsewhere)
    assert pointers(refused) == ["#/entry/gate_ids"]


async def test_schedule_is_what_inventory_must_know(shop: Shop):
    made = await offer(shop)
    told = schedule(shop.tenant, made, "Europe/Paris")
    assert (told.offer_id, told.published, told.early_entry_minutes) == (made.id, True, 30)


async def test_tariff_is_in_the_currency_of_the_establishment(shop: Shop):
    made = await tariff(shop)
    assert (made.price_minor, made.currency) == (1500, "EUR")
    with pytest.raises(Invalid) as refused:
        await tariff(shop, price=Money(1500, "CHF"))
    assert pointers(refused) == ["#/price/currency"]
    change = TariffChange(price=Money(1, "CHF"))
    with pytest.raises(Invalid) as refused:
        await write(shop, change_tariff, offer_id=shop.offer_id, tariff_id=made.id, change=change)
    assert pointers(refused) == ["#/price/currency"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"min_per_order": 3, "max_per_order": 2}, "#/min_per_order"),
        ({"eligibility": Eligibility(min_age=26, max_age=25)}, "#/eligibility/min_age"),
        ({"eligibility": Eligibility(accompanied_by=[uuid4()])}, "#/eligibility/accompanied_by"),
    ],
)
async def test_tariff_that_contradicts_itself_is_refused(shop: Shop, fields: dict[str, Any], pointer: str):
    with pytest.raises(Invalid) as refused:
        await tariff(shop, **fields)
    assert pointers(refused) == [pointer]
    assert len(await read(shop, list_tariffs, shop.offer_id)) == 3


async def test_companion_must_be_a_tariff_of_the_same_offer(shop: Shop):
    child = await tariff(shop, eligibility=Eligibility(max_age=11, accompanied_by=[shop.full_id]))
    assert child.eligibility == {"max_age": 11, "accompanied_by": [str(shop.full_id)]}
    elsewhere = await offer(shop)
    new = tariff_of(eligibility=Eligibility(accompanied_by=[shop.full_id]))
    with pytest.raises(Invalid):
        await write(shop, create_tariff, offer_id=elsewhere.id, new=new, currency="EUR")


async def test_limits_are_checked_against_those_that_stay(shop: Shop):
    made = await tariff(shop, min_per_order=2, max_per_order=4)
    for change in (TariffChange(min_per_order=5), TariffChange(max_per_order=1)):
        with pytest.raises(Invalid) as refused:
            await write(shop, change_tariff, offer_id=shop.offer_id, tariff_id=made.id, change=change)
        assert pointers(refused) == ["#/min_per_order"]
    free = TariffChange(min_per_order=None, max_per_order=1, price=Money(1600, "EUR"))
    changed = await write(shop, change_tariff, offer_id=shop.offer_id, tariff_id=made.id, change=free)
    assert (changed.min_per_order, changed.max_per_order, changed.price_minor) == (None, 1, 1600)
    assert changed in await read(shop, list_tariffs, shop.offer_id)


async def test_past_sales_keep_their_price(shop: Shop):
    slot = await shop.slot()
    before = await shop.buy((slot, shop.full_id, 1), method="on_site")
    change = TariffChange(price=Money(2000, "EUR"), vat_rate_bp=550)
    await write(shop, change_tariff, offer_id=shop.offer_id, tariff_id=shop.full_id, change=change)
    shop.resources.catalogues.forget(shop.tenant)
    after = await shop.buy((slot, shop.full_id, 1), method="on_site")
    assert [(one.total_minor, one.lines[0].vat_minor) for one in (await shop.read(before), after)] == [
        (1500, 136),
        (2000, 104),
    ]


async def test_every_change_is_an_event(shop: Shop):
    made = await offer(shop)
    await write(shop, save_offer, offer=made)
    full = TariffChange(archived=True)
    await write(shop, change_tariff, offer_id=shop.offer_id, tariff_id=shop.full_id, change=full)
    types = [event.type for event in await ledger(shop.owner, shop.tenant)][-4:]
    assert types == ["venue.created", "offer.created", "offer.changed", "tariff.changed"]


async def test_nothing_of_another_establishment_is_seen(shop: Shop):
    made, stranger = await venue(shop), UUID(int=7)
    assert await shop.database.read(stranger, lambda session: find_venue(session, stranger, made.id)) is None
    assert await shop.database.read(stranger, lambda session: find_venues(session, stranger)) == []
    with pytest.raises(NotFound):
        await shop.database.read(stranger, lambda session: find_offer(session, stranger, shop.offer_id))


async def test_lists_take_as_many_statements_for_more_rows(shop: Shop):
    counts = []
    for more in (1, 2):
        for _ in range(more):
            await offer(shop)
            await tariff(shop)
        with counted(shop.database) as statements:
            await read(shop, find_venues, limit=10)
            await read(shop, list_offers, None, 10, unpublished=True)
            await read(shop, list_tariffs, shop.offer_id)
            await read(shop, read_catalogue)
        counts.append(len(statements))
    assert counts == [6, 6]


async def test_pages_go_on_after_the_last_row(shop: Shop):
    offers = [await offer(shop) for _ in range(2)]
    listed = await read(shop, list_offers, None, 10, unpublished=True)
    assert await read(shop, list_offers, listed[0].id, 1, unpublished=True) == listed[1:2]
    venues = await read(shop, find_venues)
    assert await read(shop, find_venues, after=venues[0].id, limit=1) == venues[1:2]
    assert {one.venue_id for one in offers} <= {one.id for one in venues}


async def test_catalogue_is_read_whole_and_remembered_for_a_moment(shop: Shop):
    catalogues = Catalogues(shop.database)
    before = await catalogues.get(shop.tenant)
    assert set(before.tariffs) == {shop.full_id, shop.free_id, shop.family_id}
    made = await tariff(shop)
    assert made.id not in (await catalogues.get(shop.tenant)).tariffs
    catalogues.forget(shop.tenant)
    assert (await catalogues.get(shop.tenant)).tariffs[made.id] == made
