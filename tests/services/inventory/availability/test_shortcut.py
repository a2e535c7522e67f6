"""The short way answers what the long one would: nobody can tell which it was, except by the time it took."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from litestar.types import ASGIApp, Receive, Scope, Send

from services.inventory.app import create_app
from services.inventory.availability.shortcut import TEMPLATE, Shortcut
from services.inventory.in_process import InProcessInventory
from services.kit.principal import ANONYMOUS, Principal
from services.kit.sealing import Sealer
from services.kit.watched import WatchedDatabase
from tests.services.inventory.conftest import (
    SLUG,
    Client,
    SetClock,
    WithPrincipal,
    calendar,
    key_principal,
    schedule,
)


class LongWay:
    """Counts what the short way could not answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.count += 1
        await self.app(scope, receive, send)


class Doors:
    """A visitor's client, and how many of its requests went the long way."""

    def __init__(self, visitor: Client, long_way: LongWay, path: str) -> None:
        self.visitor = visitor
        self.long_way = long_way
        self.path = path

    async def ask(self, query: str = "", **headers: str) -> tuple[httpx.Response, bool]:
        """The answer, and whether it came the short way."""
        before = self.long_way.count
        answer = await self.visitor.get(f"{self.path}{query}", headers=headers)
        return answer, self.long_way.count == before


@pytest_asyncio.fixture
async def doors(
    inventory: InProcessInventory,
    inventory_database: WatchedDatabase,
    editor: Client,
    establishment_id: UUID,
    offer_id: UUID,
    clock: SetClock,
) -> AsyncIterator[Doors]:
    assert (await editor.post(f"/offers/{offer_id}/calendars", json=calendar(clock))).status_code == 201
    app = create_app(inventory, inventory_database, clock=clock, sealer=Sealer(b"s" * 32))
    shortcut = app.asgi_handler
    assert isinstance(shortcut, Shortcut)
    shortcut._app = long_way = LongWay(shortcut._app)
    principal = Principal(establishment_id=establishment_id, establishment_slug=SLUG)
    transport = httpx.ASGITransport(WithPrincipal(app, principal))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://inventory/v1/establishments/{SLUG}") as client:
        yield Doors(client, long_way, f"/offers/{offer_id}/availability")


def query(clock: SetClock) -> str:
    return f"?from={(clock.now().date() + timedelta(days=10)).isoformat()}"


async def test_both_ways_answer_alike(doors: Doors, clock: SetClock):
    for view in ("", "&view=slots", "&view=days"):
        long, was_short = await doors.ask(query(clock) + view)
        short, is_short = await doors.ask(query(clock) + view)
        assert (was_short, is_short) == (view == "&view=slots", True)
        assert (short.status_code, short.content, short.headers) == (200, long.content, long.headers)


async def test_not_modified_is_said_alike(doors: Doors, clock: SetClock):
    etag = (await doors.ask(query(clock)))[0].headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        short, is_short = await doors.ask(query(clock), **{"If-None-Match": known})
        assert (short.status_code, short.content, is_short) == (304, b"", True)
        assert (short.headers["etag"], short.headers["cache-control"]) == (etag, "public, max-age=1")
    short, is_short = await doors.ask(query(clock), **{"If-None-Match": '"other"'})
    assert (short.status_code, is_short) == (200, True)


@pytest.mark.parametrize("moment", ["2027-05-01T09:00:00%2B02:00", "2027-05-01T09:00:00+02:00", "2027-05-01T07:00:00Z"])
async def test_moments_in_all_spellings_are_one_question(doors: Doors, moment: str):
    answers = [await doors.ask(f"?from={moment}&until=2027-05-02") for _ in range(2)]
    assert [(answer.status_code, is_short) for answer, is_short in answers] == [(200, False), (200, True)]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("&utm_source=poster", 200),
        ("&from=2027-01-01", 200),
        ("&view=weeks", 422),
        ("&until=", 422),
        ("&until=tomorrow", 422),
        ("&until=%00", 422),
        (f"&x={'y' * 400}", 200),
    ],
)
async def test_unusual_questions_go_the_long_way(doors: Doors, clock: SetClock, more: str, status: int):
    for _ in range(2):
        answer, is_short = await doors.ask(query(clock) + more)
        assert (answer.status_code, is_short) == (status, False)


async def test_unknown_offers_and_other_paths_go_the_long_way(doors: Doors):
    for path in (
        f"/offers/{uuid4()}/availability",
        "/offers/x/availability",
        "/availability",
        "/closures/x/availability",
    ):
        doors.path = path
        for _ in range(2):
            answer, is_short = await doors.ask()
            assert (answer.status_code, is_short) == (404, False)


async def test_what_is_at_hand_is_for_its_establishment_only(doors: Doors, clock: SetClock):
    assert (await doors.ask(query(clock)))[0].status_code == 200
    assert (await doors.ask(query(clock)))[1]
    strangers = [
        Principal(establishment_id=uuid4(), establishment_slug="chateau-demo"),
        # Another establishment under the same slug, as after a rename.
        Principal(establishment_id=uuid4(), establishment_slug=SLUG),
        ANONYMOUS,
    ]
    transport = doors.visitor._transport
    assert isinstance(transport, httpx.ASGITransport)
    assert isinstance(transport.app, WithPrincipal)
    for stranger in strangers:
        transport.app.principal = stranger
        answer, is_short = await doors.ask(query(clock))
        assert (answer.status_code, is_short) == (404, False)


async def test_draft_that_an_editor_previewed_stays_hidden(
    doors: Doors, inventory: InProcessInventory, establishment_id: UUID, offer_id: UUID, clock: SetClock
):
    await inventory.put_schedule(schedule(establishment_id, offer_id, published=False))
    transport = doors.visitor._transport
    assert isinstance(transport, httpx.ASGITransport)
    assert isinstance(transport.app, WithPrincipal)
    visitor = transport.app.principal
    transport.app.principal = key_principal(establishment_id, "catalog:write")
    preview, _ = await doors.ask(query(clock))
    assert (preview.status_code, preview.headers["cache-control"]) == (200, "private, no-store")
    transport.app.principal = visitor
    for _ in range(2):
        answer, is_short = await doors.ask(query(clock))
        assert (answer.status_code, is_short) == (404, False)


async def test_both_ways_have_one_name_in_metrics(doors: Doors, clock: SetClock):
    transport = doors.visitor._transport
    assert isinstance(transport, httpx.ASGITransport)
    templates = []

    class Noting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            templates.append(scope["path_template"])

    transport.app = Noting(transport.app)
    for _ in range(2):
        await doors.ask(query(clock))
    assert templates == [TEMPLATE, TEMPLATE]
