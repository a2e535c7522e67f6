from uuid import UUID

from services.ticketing.tickets.code import read as read_code
from tests.journeys.answers import refusal
from tests.journeys.museum import Museum
from tests.journeys.past import Owner, age_signing_keys, end_key
from tests.journeys.visitor import buy, line
from tests.journeys.waiting import eventually


async def test_key_opens_what_its_scopes_say(museum: Museum):
    made = await museum.make_key("orders:read", "entry:scan")
    key = made["secret"]
    assert key.startswith("pvs_test_")
    assert (await museum.ask("GET", "/orders", key=key)).status_code == 200
    refused = await museum.ask("POST", "/venues", {"name": {"fr": "x"}, "timezone": "Europe/Paris"}, key=key)
    assert refusal(refused) == (403, "forbidden")
    assert refusal(await museum.ask("GET", "/api-keys", key=key)) == (403, "forbidden")


async def test_keys_are_listed_without_their_secrets(museum: Museum):
    made = await museum.make_key("reports:read")
    listed = await museum.ask("GET", "/api-keys", key=museum.admin_key)
    cards = listed.json()["items"]
    assert {card["name"] for card in cards} == {"First admin key", "made by a test"}
    assert next(card["scopes"] for card in cards if card["id"] == made["id"]) == ["reports:read"]
    assert made["secret"] not in listed.text
    assert made["secret"].split("_")[3] not in listed.text


async def test_revoked_key_opens_nothing(museum: Museum):
    made = await museum.make_key("orders:read")
    assert (await museum.ask("GET", "/orders", key=made["secret"])).status_code == 200
    await museum.staff("DELETE", f"/api-keys/{made['id']}", status=204)
    await eventually(lambda: _is_refused(museum, made["secret"]))
    # A second time changes nothing.
    await museum.staff("DELETE", f"/api-keys/{made['id']}", status=204)
    revoked = [event for event in await museum.events() if event.type == "api_key.revoked"]
    assert [UUID(event.subject.removeprefix("api_key:")) for event in revoked] == [UUID(made["id"])]


async def test_key_expires(museum: Museum, owner: Owner):
    late = {"name": "late", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}
    assert refusal(await museum.ask("POST", "/api-keys", late, key=museum.admin_key)) == (422, "validation_failed")
    made = await museum.make_key("orders:read", expires_at="2100-01-01T00:00:00Z")
    assert (await museum.ask("GET", "/orders", key=made["secret"])).status_code == 200
    await end_key(owner, made["id"])
    await eventually(lambda: _is_refused(museum, made["secret"]))


async def test_key_does_not_exist_elsewhere(museum: Museum):
    stranger = museum.house.operator_key
    url = f"/v1/establishments/{museum.slug}"
    assert (await museum.house.http.get(url)).status_code == 200
    assert (await museum.ask("GET", "/orders", key=stranger)).status_code in (403, 404)


async def test_rotating_the_signing_key_keeps_old_tickets_valid(museum: Museum, owner: Owner):
    slot = (await museum.slots())[0]
    before = await buy(museum, line(slot, museum.free_id))
    await museum.staff("POST", "/signing-keys", status=201)
    # A new key signs once every process knows it; the second rotation makes this one look again.
    await age_signing_keys(owner, museum.id)
    await museum.staff("POST", "/signing-keys", status=201)
    published = (await museum.staff("GET", "/signing-keys"))["items"]
    assert [(card["key_id"], card["retired"]) for card in published] == [(1, True), (2, True), (3, False)]

    after = await buy(museum, line(slot, museum.free_id))
    assert [read_code(order.tickets[0].code).payload.key_id for order in (before, after)] == [1, 2]
    # The old ticket is shown with the code that was printed.
    assert (await museum.order(before)).tickets[0].code == before.tickets[0].code
    for order in (before, after):
        assert (await museum.scan(order.tickets[0].code)).outcome == "admitted"


async def _is_refused(museum: Museum, key: str) -> bool:
    return (await museum.ask("GET", "/orders", key=key)).status_code == 401
