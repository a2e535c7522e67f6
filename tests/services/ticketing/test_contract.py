"""The contract of ticketing, kept by both of its implementations: in this process, and over HTTP in another one."""

from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from services.kit.errors import NotFound, Unauthenticated, Unavailable
from services.kit.principal import Principal
from services.kit.principal_token import PrincipalSigner, PrincipalVerifier, signing_key
from services.kit.web import PrincipalFromToken
from services.ticketing.access.actions import NewApiKey, create_api_key, create_operator_key
from services.ticketing.access.rules import order_token
from services.ticketing.app import create_app
from services.ticketing.client import TicketingClient
from services.ticketing.contract import Authenticate, Ticketing
from services.ticketing.entry.devices.actions import create_device
from services.ticketing.in_process import InProcessTicketing
from tests.conftest import Instance
from tests.gateway.served import served
from tests.services.ticketing.shop import Shop

KEY = signing_key(b"s" * 32)
Owner = asyncpg.Connection


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


@pytest_asyncio.fixture(params=["in process", "over HTTP"])
async def ticketing(request: pytest.FixtureRequest, shop: Shop) -> AsyncIterator[Ticketing]:
    in_process = InProcessTicketing(shop.database, shop.resources.site)
    if request.param == "in process":
        yield in_process
        return
    app = PrincipalFromToken(
        create_app(shop.resources, ticketing=in_process), PrincipalVerifier(KEY.public_key(), "ticketing")
    )
    async with served(app) as url:
        client = TicketingClient(url, PrincipalSigner(KEY, "gateway"))
        yield client
        await client.close()


async def who(ticketing: Ticketing, credential: str | None, establishment: str | None = None) -> Principal:
    return await ticketing.authenticate(Authenticate(establishment=establishment, credential=credential))


async def api_key(shop: Shop) -> tuple[UUID, str]:
    new = NewApiKey(name="Till", scopes=["orders:read"])
    make = partial(create_api_key, establishment_id=shop.tenant, new=new, now=shop.clock.now(), mode="test")
    key = await shop.database.write(shop.tenant, make)
    return key.id, key.secret


async def test_visitor_is_anonymous_within_the_establishment_of_the_url(ticketing: Ticketing, shop: Shop):
    assert await who(ticketing, None) == Principal()
    for reference in (shop.slug, str(shop.tenant)):
        assert await who(ticketing, None, reference) == shop.visitor


async def test_key_brings_its_scopes(ticketing: Ticketing, shop: Shop):
    key_id, secret = await api_key(shop)
    expected = Principal(
        actor=f"key:{key_id}",
        establishment_id=shop.tenant,
        establishment_slug=shop.slug,
        scopes=frozenset({"orders:read"}),
    )
    assert await who(ticketing, secret, shop.slug) == expected
    assert await who(ticketing, secret) == msgspec.structs.replace(expected, establishment_slug="")


async def test_order_token_reaches_its_order_only(ticketing: Ticketing, shop: Shop):
    order_id = uuid4()
    token = order_token(shop.resources.site.secret, shop.tenant, order_id)
    assert await who(ticketing, token, shop.slug) == Principal(
        actor=f"order:{order_id}", establishment_id=shop.tenant, establishment_slug=shop.slug, order_id=order_id
    )
    for forged in (order_token(b"x" * 32, shop.tenant, order_id), token[:-1] + ("0" if token[-1] != "0" else "1")):
        with pytest.raises(Unauthenticated):
            await who(ticketing, forged, shop.slug)


async def test_device_scans_at_its_gates(ticketing: Ticketing, shop: Shop):
    make = partial(create_device, establishment_id=shop.tenant, name="Scanner", gate_ids=[shop.gate_id], mode="test")
    device = await shop.database.write(shop.tenant, make)
    principal = await who(ticketing, device.device_token, shop.slug)
    assert (principal.scopes, principal.gate_ids) == (frozenset({"entry:scan"}), frozenset({shop.gate_id}))


async def test_operator_belongs_to_no_establishment(ticketing: Ticketing, shop: Shop):
    secret = await shop.database.write_instance(partial(create_operator_key, name="CLI", mode="test"))
    principal = await who(ticketing, secret)
    assert (principal.scopes, principal.establishment_id) == (frozenset({"operator"}), None)


async def test_establishment_that_is_not_there_is_not_found(ticketing: Ticketing, shop: Shop):
    _, secret = await api_key(shop)
    for credential in (None, secret):
        for reference in ("nowhere", str(uuid4())):
            with pytest.raises(NotFound):
                await who(ticketing, credential, reference)


async def test_credential_of_another_establishment_finds_nothing(ticketing: Ticketing, shop: Shop, owner: Owner):
    other = Shop(uuid4(), shop.database, shop.inventory, owner)
    await other.found()
    _, secret = await api_key(shop)
    for credential in (secret, order_token(shop.resources.site.secret, shop.tenant, uuid4())):
        with pytest.raises(NotFound):
            await who(ticketing, credential, other.slug)
    await other.close()


@pytest.mark.parametrize("credential", ["", "nonsense", "pvs_live_x", "pvo_0_0", "Bearer x", "\x00"])
async def test_credential_that_is_none_is_refused_whatever_the_establishment(
    ticketing: Ticketing, shop: Shop, credential: str
):
    """Whoever shows a wrong one does not learn whether the establishment is there."""
    for reference in (shop.slug, "nowhere", None):
        with pytest.raises(Unauthenticated):
            await who(ticketing, credential, reference)


async def test_establishments_are_listed_by_slug(ticketing: Ticketing, shop: Shop):
    cards = await ticketing.establishments()
    assert [card.slug for card in cards] == sorted(card.slug for card in cards)
    (card,) = [one for one in cards if one.id == shop.tenant]
    assert (card.name, card.currency, card.languages) == ({"fr": "Musée"}, "EUR", ["fr"])


async def test_ticketing_that_is_away_is_unavailable():
    client = TicketingClient("http://127.0.0.1:1", PrincipalSigner(KEY, "gateway"))
    with pytest.raises(Unavailable):
        await who(client, None)
    await client.close()
