"""What was sent can be seen, sent again a few times, and refused, over the public API."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest_asyncio

from services.kit.principal import Principal
from services.kit.web import PRINCIPAL_IN_SCOPE
from services.ticketing.app import create_app
from services.ticketing.in_process import InProcessTicketing
from services.ticketing.messages.rules import refusal_token
from tests.services.ticketing.messages.post import PostOffice, text_of
from tests.services.ticketing.shop import Shop


class Door:
    """The application as the gateway would call it, as whoever is at the door."""

    def __init__(self, app: object) -> None:
        self.app = app
        self.principal = Principal()

    async def __call__(self, scope: dict[str, object], receive: object, send: object) -> None:
        scope[PRINCIPAL_IN_SCOPE] = self.principal
        await self.app(scope, receive, send)  # type: ignore[operator]  # an ASGI application


class Api:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        app = create_app(shop.resources, ticketing=InProcessTicketing(shop.database, shop.resources.site))
        self.door = Door(app)
        transport = httpx.ASGITransport(self.door)
        self.http = httpx.AsyncClient(transport=transport, base_url=f"http://parvis/v1/establishments/{shop.slug}")

    async def ask(self, method: str, path: str, principal: Principal, **more: object) -> httpx.Response:
        self.door.principal = principal
        return await self.http.request(method, path, **more)


@pytest_asyncio.fixture
async def api(shop: Shop) -> AsyncIterator[Api]:
    api = Api(shop)
    yield api
    await api.http.aclose()


def reader(shop: Shop) -> Principal:
    return Principal(
        actor="key:1",
        establishment_id=shop.tenant,
        establishment_slug=shop.slug,
        scopes=frozenset({"orders:read", "orders:write"}),
    )


async def test_messages_are_listed_newest_first_and_by_order_and_state(shop: Shop, post: PostOffice, api: Api):
    first, second = [await shop.buy((await shop.slot(), shop.free_id, 1)) for _ in "12"]
    await post.work()
    everything = (await api.ask("GET", "/messages", reader(shop))).json()
    assert len(everything["items"]) == 4
    made = [item["created_at"] for item in everything["items"]]
    assert made == sorted(made, reverse=True)
    of_one = (await api.ask("GET", f"/messages?order={first.id}&state=sent", reader(shop))).json()
    assert [(item["kind"], item["order_id"], item["recipient"]) for item in of_one["items"]] == [
        ("order_confirmed", str(first.id), "ada@example.org")
    ]
    paged = (await api.ask("GET", "/messages?limit=3", reader(shop))).json()
    rest = (await api.ask("GET", f"/messages?limit=3&cursor={paged['next_cursor']}", reader(shop))).json()
    assert [*paged["items"], *rest["items"]] == everything["items"]
    assert (await api.ask("GET", f"/messages?order={second.id}x", reader(shop))).status_code == 422


async def test_tickets_are_sent_again_three_times_an_hour(shop: Shop, post: PostOffice, api: Api):
    order = await shop.buy((await shop.slot(), shop.free_id, 1))
    await post.work()
    visitor = Principal(
        actor=f"order:{order.id}", establishment_id=shop.tenant, establishment_slug=shop.slug, order_id=order.id
    )
    path, headers = f"/orders/{order.id}/messages", {"idempotency-key": str(uuid4())}
    twice = [await api.ask("POST", path, visitor, headers=headers) for _ in "12"]
    assert [answer.status_code for answer in twice] == [202, 202]
    assert twice[0].content == twice[1].content
    answers = [await api.ask("POST", path, visitor) for _ in "123"]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].json()["code"] == "too_many_messages"
    mails = await post.work()
    assert len(mails) == 3
    assert len({mail["Message-ID"] for mail in post_contents(post)}) == 4
    shop.clock.advance(minutes=61)
    assert (await api.ask("POST", path, reader(shop))).status_code == 202


def post_contents(post: PostOffice) -> list[dict[str, str]]:
    return [{"Message-ID": mail.content["Message-ID"]} for mail in post.kept.mails]


async def test_order_without_tickets_has_nothing_to_send(shop: Shop, api: Api):
    held = await shop.hold((await shop.slot(), shop.free_id, 1))
    answer = await api.ask("POST", f"/orders/{held.id}/messages", reader(shop))
    assert (answer.status_code, answer.json()["code"]) == (409, "order_ended")


async def test_link_of_a_reminder_asks_and_then_ends_reminders(shop: Shop, post: PostOffice, api: Api):
    await shop.buy((await shop.slot(), shop.free_id, 1))
    other = await shop.buy((await shop.slot(starts_in=timedelta(days=8)), shop.free_id, 1))
    await post.work()
    await post.pass_time("visit_reminder")
    (reminder,) = await post.work()
    url = reminder["List-Unsubscribe"].strip("<>")
    assert url in text_of(reminder)
    path = url.partition(shop.slug)[2]
    asked = await api.ask("GET", path, shop.visitor)
    assert (asked.status_code, asked.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<form method="post">' in asked.text
    # As a mailbox sends it (RFC 8058): twice does no harm.
    one_click = {"content-type": "application/x-www-form-urlencoded"}
    for _ in "12":
        ended = await api.ask("POST", path, shop.visitor, content=b"List-Unsubscribe=One-Click", headers=one_click)
        assert (ended.status_code, "<form" in ended.text) == (200, False)
    shop.clock.moment = other.tickets[0].starts_at - timedelta(hours=25)
    assert await post.work() == []
    assert "not_wanted" in [error for *_, error in await post.states()]
    hashes = await shop.owner.fetch("SELECT address_hash FROM ticketing.reminder_refusals")
    assert all(b"ada" not in row["address_hash"] for row in hashes)


async def test_link_that_we_did_not_make_is_not_found(shop: Shop, post: PostOffice, api: Api):
    del post
    order = await shop.buy((await shop.slot(), shop.free_id, 1))
    good = refusal_token(shop.resources.site.secret, shop.tenant, order.id)
    strangers = refusal_token(shop.resources.site.secret, uuid4(), order.id)
    gone = refusal_token(shop.resources.site.secret, shop.tenant, uuid4())
    for token in (good[:-1], good[:-1] + ("0" if good[-1] != "0" else "1"), strangers, gone, "x", good + "é"):
        for method in ("GET", "POST"):
            assert (await api.ask(method, f"/reminder-refusals/{token}", shop.visitor)).status_code == 404


async def test_staff_resend_a_mail_to_the_address_that_the_order_has_now(shop: Shop, post: PostOffice, api: Api):
    # What other tests have left.
    await post.work()
    order = await shop.buy((await shop.slot(), shop.free_id, 1))
    (first,) = await post.work()
    listed = (await api.ask("GET", f"/messages?order={order.id}", reader(shop))).json()["items"]
    sent, waiting = (next(one for one in listed if one["state"] == state) for state in ("sent", "queued"))
    await shop.owner.execute("UPDATE ticketing.orders SET customer_email = 'right@example.org' WHERE id = $1", order.id)

    again = await api.ask("POST", f"/messages/{sent['id']}/resend", reader(shop), headers={"idempotency-key": "one"})
    assert again.status_code == 201
    made = again.json()
    assert (made["kind"], made["recipient"], made["state"]) == ("order_confirmed", "right@example.org", "queued")
    same = await api.ask("POST", f"/messages/{sent['id']}/resend", reader(shop), headers={"idempotency-key": "one"})
    assert same.json() == made
    (mail,) = await post.work()
    assert (mail["To"], mail["Subject"]) == ("right@example.org", first["Subject"])

    early = await api.ask("POST", f"/messages/{waiting['id']}/resend", reader(shop))
    assert (early.status_code, early.json()["code"]) == (409, "message_waiting")
    unknown = await api.ask("POST", f"/messages/{uuid4()}/resend", reader(shop))
    assert unknown.status_code == 404


async def test_resending_ends_after_ten_in_an_hour(shop: Shop, post: PostOffice, api: Api):
    order = await shop.buy((await shop.slot(), shop.free_id, 1))
    await post.work()
    (sent,) = (await api.ask("GET", f"/messages?order={order.id}&state=sent", reader(shop))).json()["items"]
    path = f"/messages/{sent['id']}/resend"
    statuses = [(await api.ask("POST", path, reader(shop))).status_code for _ in range(11)]
    assert statuses == [201] * 10 + [429]
    shop.clock.advance(hours=1, minutes=1)
    assert (await api.ask("POST", path, reader(shop))).status_code == 201
