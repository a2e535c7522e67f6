"""A well-meant request for each operation, on things made for it, so that nothing but rights can refuse it."""

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import stripe

from services.ticketing.messages.rules import refusal_token
from tests.certificates import google_wallet, wallet_certificate
from tests.security.rights import OFFER, ORDER, E
from tests.security.world import CUSTOMER, WEBHOOK_SECRET, House, World, calendar_body, closure_body, order_body


class Attempt(msgspec.Struct):
    """`ids` are the parameters of the path; `own_token` reaches the order that the attempt is about."""

    ids: dict[str, str] = {}
    body: object = None
    own_token: str = ""
    raw: bytes | None = None
    headers: dict[str, str] = {}
    query: dict[str, str] = {}

    async def send(self, world: World, operation: str, establishment: str, credential: str | None) -> httpx.Response:
        method, template = operation.split(" ")
        path = template.format(establishment=establishment, **self.ids)
        more: dict[str, Any] = {"headers": self.headers}
        if self.query:
            more["params"] = self.query
        if self.raw is not None:
            more["content"] = self.raw
        return await world.ask(method, path, credential, self.body, **more)


Prepare = Callable[[World, House], Awaitable[Attempt]]


def _plain(*ids: str, body: Callable[[House], object] = lambda _: None) -> Prepare:
    """On what every house has."""

    async def prepare(_: World, house: House) -> Attempt:
        return Attempt({name: house.ids[name] for name in ids}, body(house), house.order_token)

    return prepare


def _new(path: str, name: str, body: Callable[[House], object], *ids: str) -> Prepare:
    """On something made for this attempt, because the attempt ends it."""

    async def prepare(world: World, house: House) -> Attempt:
        made = await world.make(house, path.format(**house.ids), body(house))
        return Attempt({name: made["id"]} | {one: house.ids[one] for one in ids}, None, house.order_token)

    return prepare


def _order(
    body: Callable[[Any, House], object] = lambda _, __: None,
    *,
    tariff: str = "free_tariff_id",
    method: str | None = None,
) -> Prepare:
    """On a new order: held, or confirmed with the method."""

    async def prepare(world: World, house: House) -> Attempt:
        order = await world.order(house, tariff, method)
        return Attempt({"order_id": order["id"]}, body(order, house), order["access_token"])

    return prepare


async def _reminded(world: World, house: House) -> Attempt:
    """With what the link of a reminder about the house's order carries."""
    token = refusal_token(world.secret, UUID(house.id), UUID(house.ids["order_id"]))
    return Attempt({"token": token}, None, house.order_token)


async def _paid_order(world: World, house: House) -> Attempt:
    order = await world.order(house, "tariff_id", "on_site")
    await world.make(house, f"/orders/{order['id']}/payments", {"means": "cash"})
    return Attempt({"order_id": order["id"]}, {"reason": "Complaint", "amount": 1}, order["access_token"])


async def _scan(_: World, house: House) -> Attempt:
    body = {
        "id": str(uuid4()),
        "code": house.code,
        "gate_id": house.ids["gate_id"],
        "scanned_at": datetime.now(UTC).isoformat(),
    }
    return Attempt(body=body, own_token=house.order_token)


async def _upload(world: World, house: House) -> Attempt:
    scan = (await _scan(world, house)).body | {"outcome": "admitted", "direction": "in"}
    undo = {"id": str(uuid4()), "scan_id": str(uuid4()), "reason": "Wrong button", "undone_at": scan["scanned_at"]}
    return Attempt(body={"sent_at": scan["scanned_at"], "scans": [scan], "undos": [undo]}, own_token=house.order_token)


async def _undo(world: World, house: House) -> Attempt:
    scan = (await _scan(world, house)).body
    await world.ask("POST", f"{house.base}/scans", house.device_token, scan)
    undo = {"id": str(uuid4()), "reason": "Wrong button", "undone_at": scan["scanned_at"]}
    return Attempt({"scan_id": scan["id"]}, undo, house.order_token)


async def _conflicts(_: World, house: House) -> Attempt:
    return Attempt(query={"date": str(datetime.now(UTC).date())}, own_token=house.order_token)


async def _notification(_: World, house: House) -> Attempt:
    """Signed, and about nothing that the house knows: so it is taken note of, and that is all."""
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "customer.created",
        "account": f"acct_{house.slug}",
        "data": {"object": {"id": "cus_1", "object": "customer"}},
    }
    raw = json.dumps(event)
    now = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{now}.{raw}", WEBHOOK_SECRET)
    headers = {"stripe-signature": f"t={now},v1={signature}", "content-type": "application/json"}
    return Attempt(raw=raw.encode(), headers=headers, own_token=house.order_token)


def _new_establishment(_: House) -> object:
    slug = f"new-{uuid4().hex}"
    profile = {"slug": slug, "name": {"fr": slug}, "country": "FR", "timezone": "Europe/Paris", "currency": "EUR"}
    return profile | {"languages": ["fr"]}


def _new_offer(house: House) -> dict[str, object]:
    return {"name": {"fr": "Offre"}, "venue_id": house.ids["venue_id"], "kind": "timed"}


def _new_tariff(_: House) -> object:
    return {"name": {"fr": "Tarif"}, "price": {"amount": 100, "currency": "EUR"}, "vat_rate_bp": 550}


def _late_calendar(_: House) -> object:
    """After the house's own, so that no two slots start together."""
    first = datetime.now(UTC).date() + timedelta(days=300)
    return calendar_body() | {"valid_from": first.isoformat(), "valid_until": first.isoformat()}


def _no_longer(house: House) -> object:
    return {"name": {"fr": house.canary}}


def _new_key(_: House) -> object:
    return {"name": "A key", "scopes": ["orders:read"]}


def _device_body(house: House) -> object:
    return {"name": house.canary, "gate_ids": [house.ids["gate_id"]]}


async def _pairing(world: World, house: House) -> Attempt:
    offered = await world.make(house, "/devices", _device_body(house))
    return Attempt(body={"code": offered["pairing_code"], "name": "A phone"}, own_token=house.order_token)


async def _entry_pass(_: World, house: House) -> Attempt:
    """Of the first day on which the house has visitors."""
    day = (datetime.now(UTC).date() + timedelta(days=5)).isoformat()
    return Attempt(query={"gate_id": house.ids["gate_id"], "date": day}, own_token=house.order_token)


async def _search(_: World, house: House) -> Attempt:
    day = (datetime.now(UTC).date() + timedelta(days=5)).isoformat()
    return Attempt(query={"q": "canary", "date": day}, own_token=house.order_token)


async def _wish(world: World, house: House) -> Attempt:
    """For a slot of its own with one place, which is sold."""
    first = (datetime.now(UTC).date() + timedelta(days=20)).isoformat()
    offer = await world.make(house, "/offers", _new_offer(house) | {"published": True})
    path = f"/offers/{offer['id']}"
    calendar = calendar_body() | {"valid_from": first, "valid_until": first, "capacity": 1}
    await world.make(house, f"{path}/calendars", calendar)
    tariff = await world.make(house, f"{path}/tariffs", _new_tariff(house))
    (slot,) = (await world.ask("GET", f"{house.base}{path}/availability?from={first}&until={first}")).json()["slots"]
    line = {"tariff_id": tariff["id"], "quantity": 1}
    await world.make(house, "/orders", {"lines": [line | {"slot_id": slot["id"]}]})
    return Attempt(body={"slot_id": slot["id"], "lines": [line], "customer": {"email": f"{uuid4().hex}@example.org"}})


async def _waiting(world: World, house: House) -> Attempt:
    made = await world.make(house, "/waiting-list", (await _wish(world, house)).body)
    return Attempt({"entry_id": made["id"]}, None, house.order_token)


async def _joining(world: World, house: House) -> Attempt:
    return msgspec.structs.replace(await _wish(world, house), own_token=house.order_token)


async def _sent_message(world: World, house: House) -> Attempt:
    """There is no worker here: a message that was sent, straight into the table."""
    message_id = uuid4()
    await world.owner.execute(
        "INSERT INTO ticketing.messages"
        " (establishment_id, id, kind, recipient, language, data, state, due_at, next_attempt_at)"
        " VALUES ($1, $2, 'order_confirmed', 'canary@customer.example', 'fr', '{}', 'sent', now(), now())",
        UUID(house.id),
        message_id,
    )
    return Attempt({"message_id": str(message_id)}, None, house.order_token)


async def _with_certificate(world: World, house: House) -> Attempt:
    await world.make(house, "/wallet-certificate", wallet_certificate())
    return Attempt(own_token=house.order_token)


async def _with_google(world: World, house: House) -> Attempt:
    await world.make(house, "/google-wallet", google_wallet())
    return Attempt(own_token=house.order_token)


async def _google_ticket(world: World, house: House) -> Attempt:
    await world.make(house, "/google-wallet", google_wallet())
    return Attempt({"ticket_id": house.ids["ticket_id"]}, None, house.order_token)


PREPARE: dict[str, Prepare] = {
    "POST /v1/establishments": _plain(body=_new_establishment),
    f"GET {E}": _plain(),
    f"PATCH {E}": _plain(body=lambda _: {"legal_name": "Association"}),
    f"GET {E}/presentation": _plain(),
    f"PATCH {E}/presentation": _plain(body=lambda _: {"about": {"fr": "Un lieu"}}),
    f"GET {E}/api-keys": _plain(),
    f"POST {E}/api-keys": _plain(body=_new_key),
    f"DELETE {E}/api-keys/{{key_id}}": _new("/api-keys", "key_id", _new_key),
    f"GET {E}/venues": _plain(),
    f"POST {E}/venues": _plain(body=lambda _: {"name": {"fr": "Lieu"}, "timezone": "Europe/Paris"}),
    f"GET {E}/venues/{{venue_id}}": _plain("venue_id"),
    f"PATCH {E}/venues/{{venue_id}}": _plain("venue_id", body=_no_longer),
    f"GET {E}/gauges": _plain(),
    f"POST {E}/gauges": _plain(body=lambda _: {"name": {"fr": "Jauge"}, "capacity": 1, "per": "day"}),
    f"GET {E}/gauges/{{gauge_id}}": _plain("gauge_id"),
    f"PATCH {E}/gauges/{{gauge_id}}": _plain("gauge_id", body=_no_longer),
    f"GET {E}/offers": _plain(),
    f"POST {E}/offers": _plain(body=_new_offer),
    f"GET {OFFER}": _plain("offer_id"),
    f"PATCH {OFFER}": _plain("offer_id", body=_no_longer),
    f"GET {OFFER}/tariffs": _plain("offer_id"),
    f"POST {OFFER}/tariffs": _plain("offer_id", body=_new_tariff),
    f"GET {OFFER}/tariffs/{{tariff_id}}": _plain("offer_id", "tariff_id"),
    f"PATCH {OFFER}/tariffs/{{tariff_id}}": _plain("offer_id", "tariff_id", body=_no_longer),
    f"GET {OFFER}/calendars": _plain("offer_id"),
    f"POST {OFFER}/calendars": _plain("offer_id", body=_late_calendar),
    f"GET {OFFER}/calendars/{{calendar_id}}": _plain("offer_id", "calendar_id"),
    f"PATCH {OFFER}/calendars/{{calendar_id}}": _plain("offer_id", "calendar_id", body=lambda _: {"capacity": 9_999}),
    f"DELETE {OFFER}/calendars/{{calendar_id}}": _new(
        "/offers/{offer_id}/calendars", "calendar_id", _late_calendar, "offer_id"
    ),
    f"GET {OFFER}/availability": _plain("offer_id"),
    f"GET {E}/closures": _plain(),
    f"POST {E}/closures": _plain(body=lambda _: closure_body()),
    f"GET {E}/closures/{{closure_id}}": _plain("closure_id"),
    f"DELETE {E}/closures/{{closure_id}}": _new("/closures", "closure_id", lambda _: closure_body()),
    f"GET {E}/orders": _plain(),
    f"POST {E}/orders": _plain(body=order_body),
    f"GET {ORDER}": _plain("order_id"),
    f"PATCH {ORDER}": _order(lambda _, __: {"customer": CUSTOMER}),
    f"POST {ORDER}/extension": _order(),
    f"POST {ORDER}/confirmation": _order(lambda _, __: {"payment_method": "free", "customer": CUSTOMER}),
    f"POST {ORDER}/cancellation": _order(lambda _, __: {}, method="free"),
    f"POST {ORDER}/exchange": _order(
        lambda order, house: {"ticket_ids": [order["tickets"][0]["id"]], "slot_id": house.slots[1]}, method="free"
    ),
    f"POST {ORDER}/payments": _order(lambda _, __: {"means": "cash"}, tariff="tariff_id", method="on_site"),
    f"POST {ORDER}/refunds": _paid_order,
    f"GET {ORDER}/tickets.pdf": _plain("order_id"),
    f"POST {ORDER}/messages": _order(method="free"),
    f"GET {E}/messages": _plain(),
    f"POST {E}/messages/{{message_id}}/resend": _sent_message,
    f"GET {E}/reminder-refusals/{{token}}": _reminded,
    f"POST {E}/reminder-refusals/{{token}}": _reminded,
    f"GET {E}/tickets/{{ticket_id}}": _plain("ticket_id"),
    f"GET {E}/tickets/{{ticket_id}}/google-wallet": _google_ticket,
    f"GET {E}/waiting-list": _plain(),
    f"POST {E}/waiting-list": _joining,
    f"GET {E}/waiting-list/{{entry_id}}": _waiting,
    f"DELETE {E}/waiting-list/{{entry_id}}": _waiting,
    f"GET {E}/signing-keys": _plain(),
    f"POST {E}/signing-keys": _plain(),
    f"GET {E}/wallet-certificate": _with_certificate,
    f"POST {E}/wallet-certificate": _plain(body=lambda _: wallet_certificate()),
    f"DELETE {E}/wallet-certificate": _with_certificate,
    f"GET {E}/google-wallet": _with_google,
    f"POST {E}/google-wallet": _plain(body=lambda _: google_wallet()),
    f"DELETE {E}/google-wallet": _with_google,
    f"POST {E}/scans": _scan,
    f"POST {E}/scans/batch": _upload,
    f"POST {E}/scans/{{scan_id}}/undo": _undo,
    f"GET {E}/scans/conflicts": _conflicts,
    f"GET {E}/devices": _plain(),
    f"POST {E}/devices": _plain(body=_device_body),
    f"POST {E}/devices/{{device_id}}/pairing": _new("/devices", "device_id", _device_body),
    f"DELETE {E}/devices/{{device_id}}": _new("/devices", "device_id", _device_body),
    f"PUT {E}/devices/self/status": _plain(body=lambda _: {"pending_uploads": 0, "app_version": "1.0"}),
    "POST /v1/devices/pairing": _pairing,
    f"GET {E}/entry-pass": _entry_pass,
    f"GET {E}/entry/search": _search,
    f"GET {E}/attendance": _plain(),
    f"GET {E}/attendance/stream": _plain(),
    f"GET {E}/attendance.csv": _plain(),
    f"GET {E}/events": _plain(),
    "POST /v1/payments/stripe/{establishment}/webhook": _notification,
}
