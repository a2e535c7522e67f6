"""A hub over HTTP and its books on the disk, without an instance."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest_asyncio

from parvis.gate_hub.app import HubApp
from parvis.gate_hub.desk import HubDesk
from parvis.gate_hub.guard import Guard, make_token
from parvis.gate_hub.hub import Hub
from parvis.gate_hub.instance import Instance
from parvis.gate_hub.journal import Journal
from parvis.gate_hub.kept import Place
from parvis.gate_hub.signing import answer, base64url, from_base64url, question
from tests.parvis.gate_hub.small_world import DOOR, HUB_KEY, PHONE_ID, PHONE_KEY, VENUE, Ticket, identity, page

ORIGIN = "http://127.0.0.1:9"
SCANS = "/v1/establishments/musee/scans"


class OpenHub:
    def __init__(self, hub: Hub, http: httpx.AsyncClient) -> None:
        self.hub = hub
        self.http = http

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        content = msgspec.json.encode(body) if body is not None else b""
        signature = base64url(PHONE_KEY.sign(question(method, path, content)))
        signed = {"parvis-device": str(PHONE_ID), "parvis-signature": signature} | headers
        return await self.http.request(method, path, content=content, headers=signed)

    async def scan(self, code: str, **changes: object) -> httpx.Response:
        return await self.ask("POST", SCANS, new_scan(code, **changes))


Start = Callable[[], Any]


@pytest_asyncio.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Opens the books in the folder, as often as one likes."""
    async with AsyncExitStack() as opened:

        async def open_hub() -> OpenHub:
            known = identity()
            journal, instance = Journal(tmp_path / "hub.sqlite"), Instance(known.server)
            opened.push_async_callback(instance.close)
            opened.push_async_callback(journal.close)
            hub = Hub(known, journal, instance)
            guard = Guard(hub.memory, journal, known.device_id, known.key)
            app = HubApp(hub, HubDesk(hub.memory, hub.clock, known.gate_ids), guard, origin=known.server)
            transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx and Litestar type ASGI differently
            http = await opened.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://hub"))
            return OpenHub(hub, http)

        yield open_hub


async def learn(hub: OpenHub, *tickets: Ticket) -> None:
    """The entry pass of today."""
    place = Place(VENUE, hub.hub.today())
    said = page(*tickets)
    included = hub.hub.memory.apply(place, said)
    await hub.hub.journal.keep_page(place, hub.hub.memory.directory.passes[place], said.tickets, included)


def new_scan(code: str, **changes: object) -> dict[str, object]:
    now = datetime.now(UTC).isoformat()
    # The small world has its own day: its tickets are late or early today.
    return {"id": uuid4(), "code": code, "gate_id": DOOR, "scanned_at": now, "override_reason": "test"} | changes


async def test_books_outlive_the_process(start: Start):
    ticket, sold_later = Ticket(), Ticket()
    before = await start()
    await learn(before, ticket)
    asked = new_scan(ticket.code)
    first = await before.ask("POST", SCANS, asked)
    assert (await before.scan(sold_later.code)).json()["outcome"] == "admitted"

    after = await start()
    assert (await after.ask("POST", SCANS, asked)).content == first.content
    assert [(await after.scan(one.code)).json()["reason"] for one in (ticket, sold_later)] == ["already_admitted"] * 2
    health = (await after.http.get("/livez")).json()
    assert (health["pending_uploads"], health["tickets_known"], health["is_online"]) == (4, 2, False)


async def test_nobody_is_let_in_that_is_not_written_down(start: Start):
    tickets = [Ticket() for _ in range(40)]
    hub = await start()
    await learn(hub, *tickets)
    # What a full disk is to SQLite.
    connection = hub.hub.journal._connection
    used = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {used}")
    answers = [await hub.scan(ticket.code) for ticket in tickets]
    full = [one for one in answers if one.status_code == 503]
    assert full
    assert {one.json()["code"] for one in full} == {"unavailable"}
    assert "disk" in (await hub.http.get("/livez")).json()["trouble"]

    connection.execute("PRAGMA max_page_count = 1000000")
    again = [await hub.scan(ticket.code) for ticket in tickets]
    admitted = [one for one in [*answers, *again] if one.status_code == 200 and one.json()["outcome"] == "admitted"]
    assert len(admitted) == len({one.json()["ticket"]["id"] for one in admitted}) == len(tickets)
    assert (await hub.http.get("/livez")).json()["trouble"] is None


async def test_fifty_at_once_with_one_ticket(start: Start):
    ticket = Ticket()
    hub = await start()
    await learn(hub, ticket)
    answers = await asyncio.gather(*(hub.scan(ticket.code) for _ in range(50)))
    assert [one.json()["outcome"] for one in answers].count("admitted") == 1


async def test_only_who_signs_is_answered_and_the_answer_is_signed_for_the_question(start: Start):
    hub = await start()
    await learn(hub)
    path = "/v1/establishments/musee/entry-pass?gate_id=" + str(DOOR)
    good = await hub.ask("GET", path)
    theirs = from_base64url(good.request.headers["parvis-signature"])
    HUB_KEY.public_key().verify(from_base64url(good.headers["parvis-signature"]), answer(theirs, 200, good.content))
    assert good.json()["devices"]

    other = base64url(PHONE_KEY.sign(question("GET", f"{path}&date=2027-05-02", b"")))
    for wrong in (
        {"parvis-signature": other},
        {"parvis-signature": "!"},
        {"parvis-signature": ""},
        {"parvis-device": str(uuid4())},
        {"parvis-device": "nobody"},
        {"authorization": "Bearer pvh_guessed"},
    ):
        refused = await hub.ask("GET", path, **wrong)
        # Not `unauthenticated`, at which a scanner would forget everything.
        assert (refused.status_code, refused.json()["code"]) == (401, "unknown_device"), wrong
    assert (await hub.ask("GET", path.replace("musee", "other"))).status_code == 404
    assert (await hub.ask("GET", "/v1/establishments/musee/orders")).status_code == 404


async def test_turnstile_has_a_token_of_the_hub(start: Start, tmp_path: Path):
    ticket = Ticket()
    hub = await start()
    await learn(hub, ticket)
    token = make_token(tmp_path / "hub.sqlite", "Turnstile 1")
    answer = await hub.http.post(
        SCANS, content=msgspec.json.encode(new_scan(ticket.code)), headers={"authorization": f"Bearer {token}"}
    )
    assert answer.json()["outcome"] == "admitted"
    assert "parvis-signature" not in answer.headers
    assert hub.hub.memory.scans[next(iter(hub.hub.memory.scans))].by == "token:Turnstile 1"
    assert token.encode() not in (tmp_path / "hub.sqlite").read_bytes()


async def test_pages_of_the_instance_only_may_ask(start: Start):
    hub = await start()
    asked = await hub.http.options(SCANS, headers={"origin": "https://evil.example"})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert asked.headers["access-control-allow-private-network"] == "true"


async def test_hub_that_knows_nothing_or_was_revoked_leaves_phones_to_themselves(start: Start):
    ticket = Ticket()
    hub = await start()
    # Whose key it is, nobody has told it yet.
    assert (await hub.scan(ticket.code)).status_code == 401
    await learn(hub, ticket)
    hub.hub.is_revoked = True
    assert (await hub.scan(ticket.code)).status_code == 503
    hub.hub.is_revoked = False
    assert (await hub.scan(ticket.code)).status_code == 200


async def test_what_cannot_be_read_is_refused(start: Start):
    hub = await start()
    await learn(hub)
    assert (await hub.ask("POST", SCANS, {"id": "no"})).status_code == 422
    assert (await hub.ask("POST", SCANS, "x" * 1_000_001)).status_code == 400
    assert (await hub.ask("GET", "/v1/establishments/musee/entry-pass?gate_id=x")).status_code == 422
    unknown = f"/v1/establishments/musee/entry-pass?gate_id={uuid4()}"
    assert (await hub.ask("GET", unknown)).status_code == 422
    assert (await hub.ask("POST", f"{SCANS}/{uuid4()}/undo", _undo())).status_code == 404


def _undo() -> dict[str, object]:
    return {"id": uuid4(), "reason": "Wrong person", "undone_at": datetime.now(UTC)}
