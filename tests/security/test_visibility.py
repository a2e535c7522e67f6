"""What is not yet, or no longer, for everybody: seen and sold only by those who work on it."""

from typing import Any
from uuid import uuid4

import pytest_asyncio

from tests.security.rights import CATALOGUE
from tests.security.world import House, World, calendar_body


@pytest_asyncio.fixture
async def hidden(world: World) -> dict[str, Any]:
    """An offer that is not published, with slots and a tariff, in our house."""
    ours = world.ours
    texts = {"fr": f"Exposition secrète {uuid4()}"}
    body = {"name": texts, "venue_id": ours.ids["venue_id"], "kind": "timed", "published": False}
    offer = await world.make(ours, "/offers", body)
    path = f"/offers/{offer['id']}"
    price = {"amount": 0, "currency": "EUR"}
    tariff = await world.make(ours, f"{path}/tariffs", {"name": texts, "price": price, "vat_rate_bp": 550})
    await world.make(ours, f"{path}/calendars", calendar_body(2))
    slots = (await world.ask("GET", f"{ours.base}{path}/availability", ours.admin_key)).json()["slots"]
    line = {"slot_id": slots[0]["id"], "tariff_id": tariff["id"], "quantity": 1}
    return {"name": texts["fr"], "path": path, "tariff": f"{path}/tariffs/{tariff['id']}", "line": line}


def _callers(world: World, house: House) -> dict[str, str | None]:
    tokens = {"order": house.order_token, "device": house.device_token, "operator": world.operator_key}
    return {"visitor": None, **tokens, **house.keys}


async def test_an_unpublished_offer_is_seen_by_its_makers_only(world: World, hidden: dict[str, Any]) -> None:
    ours = world.ours
    for name, credential in _callers(world, ours).items():
        paths = (hidden["path"], hidden["tariff"], f"{hidden['path']}/tariffs", f"{hidden['path']}/availability")
        seen = {(await world.ask("GET", f"{ours.base}{path}", credential)).status_code for path in paths}
        listed = hidden["name"] in (await world.ask("GET", f"{ours.base}/offers?limit=100", credential)).text
        assert (name, seen, listed) == (name, {200} if name in CATALOGUE else {404}, name in CATALOGUE)


async def test_an_unpublished_offer_is_not_sold(world: World, hidden: dict[str, Any]) -> None:
    ours = world.ours
    for name, credential in _callers(world, ours).items():
        answer = await world.ask("POST", f"{ours.base}/orders", credential, {"lines": [hidden["line"]]})
        if answer.status_code == 201:
            assert name in {"admin", "orders:write", "catalog:write"}, name


async def test_an_archived_tariff_is_neither_seen_nor_sold(world: World, hidden: dict[str, Any]) -> None:
    ours = world.ours
    await world.ask("PATCH", f"{ours.base}{hidden['path']}", ours.admin_key, {"published": True})
    await world.ask("PATCH", f"{ours.base}{hidden['tariff']}", ours.admin_key, {"archived": True})
    assert (await world.ask("GET", f"{ours.base}{hidden['tariff']}")).status_code == 404
    assert (await world.ask("GET", f"{ours.base}{hidden['path']}/tariffs")).json()["items"] == []
    for credential in (None, ours.admin_key):
        answer = await world.ask("POST", f"{ours.base}/orders", credential, {"lines": [hidden["line"]]})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/lines/0/tariff_id")


async def test_a_tariff_of_another_channel_is_not_for_visitors(world: World, hidden: dict[str, Any]) -> None:
    """A visitor does not stand at the desk by saying so."""
    ours = world.ours
    await world.ask("PATCH", f"{ours.base}{hidden['path']}", ours.admin_key, {"published": True})
    await world.ask("PATCH", f"{ours.base}{hidden['tariff']}", ours.admin_key, {"channels": ["desk"]})
    got = {}
    for name, credential in _callers(world, ours).items():
        body = {"lines": [hidden["line"]], "channel": "desk"}
        got[name] = (await world.ask("POST", f"{ours.base}/orders", credential, body)).status_code
    assert {name for name, status in got.items() if status == 201} == {"admin", "orders:write"}
