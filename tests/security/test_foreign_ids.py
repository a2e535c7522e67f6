"""What belongs to another establishment looks exactly like what does not exist, and nothing of it moves or shows."""

import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.security.attempts import PREPARE, Attempt
from tests.security.rights import OFFER, ORDER, WHO_MAY, E
from tests.security.world import CANARY, Json, World, rows_of

PARAMETER = re.compile(r"{(\w+)}")
IN_PATHS = [
    (operation, name) for operation in WHO_MAY for name in PARAMETER.findall(operation) if name != "establishment"
]
# Every field of a body that names something, and whose id a stranger might put there.
IN_BODIES = {
    (f"POST {E}/closures", "/offer_id"): "offer_id",
    (f"POST {E}/offers", "/venue_id"): "venue_id",
    (f"POST {E}/offers", "/gauge_ids/0"): "gauge_id",
    (f"PATCH {OFFER}", "/gauge_ids/0"): "gauge_id",
    (f"POST {E}/offers", "/entry/gate_ids/0"): "gate_id",
    (f"PATCH {OFFER}", "/entry/gate_ids/0"): "gate_id",
    (f"POST {OFFER}/tariffs", "/eligibility/accompanied_by/0"): "tariff_id",
    (f"PATCH {OFFER}/tariffs/{{tariff_id}}", "/eligibility/accompanied_by/0"): "tariff_id",
    (f"POST {E}/orders", "/lines/0/slot_id"): "slot_id",
    (f"POST {E}/orders", "/lines/0/tariff_id"): "free_tariff_id",
    (f"PATCH {ORDER}", "/lines/0/slot_id"): "slot_id",
    (f"PATCH {ORDER}", "/lines/0/tariff_id"): "free_tariff_id",
    (f"POST {ORDER}/cancellation", "/ticket_ids/0"): "ticket_id",
    (f"POST {ORDER}/exchange", "/ticket_ids/0"): "ticket_id",
    (f"POST {ORDER}/exchange", "/slot_id"): "slot_id",
    (f"POST {E}/devices", "/gate_ids/0"): "gate_id",
    (f"POST {E}/scans", "/gate_id"): "gate_id",
    (f"POST {E}/waiting-list", "/slot_id"): "slot_id",
    (f"POST {E}/waiting-list", "/offer_id"): "offer_id",
    (f"POST {E}/waiting-list", "/lines/0/tariff_id"): "free_tariff_id",
    (f"POST {E}/venues", "/gates/0/id"): "gate_id",
    (f"PATCH {E}/venues/{{venue_id}}", "/gates/0/id"): "gate_id",
}
# Ids that the client makes: they name nothing that is there.
MADE_BY_CLIENTS = {
    (f"POST {E}/scans", "/id"),
    (f"POST {E}/scans/batch", "/scans/0/id"),
    (f"POST {E}/scans/batch", "/undos/0/id"),
    # That of a scan which may still be on its way.
    (f"POST {E}/scans/batch", "/undos/0/scan_id"),
    (f"POST {E}/scans/{{scan_id}}/undo", "/id"),
}
# Told of by themselves, so that the others are recorded: `test_a_gate_of_ours_records_nothing_in_their_upload`.
TOLD_ONE_BY_ONE = {(f"POST {E}/scans/batch", "/scans/0/gate_id")}


async def test_every_field_that_takes_an_id_is_attacked(world: World) -> None:
    document = await world.document()
    found = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                pointers = _ids_in(content["schema"], document["components"]["schemas"])
                found |= {(f"{method.upper()} {path}", pointer) for pointer in pointers}
    assert found == set(IN_BODIES) | MADE_BY_CLIENTS | TOLD_ONE_BY_ONE


@pytest.mark.parametrize(("operation", "name"), IN_PATHS)
async def test_a_foreign_id_in_the_path_is_an_absent_one(world: World, operation: str, name: str) -> None:
    mine = await PREPARE[operation](world, world.theirs)
    foreign = (await PREPARE[operation](world, world.ours)).ids[name]
    before = await rows_of(world, world.ours.id)
    absent = str(uuid4())
    seen = [await _with_id(world, operation, mine, name, wanted) for wanted in (foreign, absent)]
    assert seen[0].status_code == 404
    assert _shape(seen[0], foreign) == _shape(seen[1], absent)
    assert CANARY not in seen[0].text
    assert await rows_of(world, world.ours.id) == before


@pytest.mark.parametrize(("operation", "pointer"), IN_BODIES)
async def test_a_foreign_id_in_the_body_is_an_absent_one(world: World, operation: str, pointer: str) -> None:
    mine = await PREPARE[operation](world, world.theirs)
    foreign, absent = world.ours.ids[IN_BODIES[operation, pointer]], str(uuid4())
    before = await rows_of(world, world.ours.id)
    seen = []
    for wanted in (foreign, absent):
        mine.body = _with(mine.body, pointer, wanted)
        seen.append(await mine.send(world, operation, world.theirs.slug, world.theirs.admin_key))
    assert seen[0].status_code == 422
    assert any(error["pointer"].startswith(f"#{pointer[:8]}") for error in seen[0].json()["errors"])
    assert _shape(seen[0], foreign) == _shape(seen[1], absent)
    assert world.ours.canary not in seen[0].text
    assert await rows_of(world, world.ours.id) == before


async def test_what_they_are_shown_is_theirs(world: World) -> None:
    """Every read of the API in their house, by their admin and by the operator, with data of both houses in it."""
    reads = [operation for operation in WHO_MAY if operation.startswith("GET ")]
    own = set()
    for operation in reads:
        attempt = await PREPARE[operation](world, world.theirs)
        for credential in (world.theirs.admin_key, world.theirs.order_token, world.operator_key, None):
            response = await attempt.send(world, operation, world.theirs.slug, credential)
            assert world.ours.canary not in response.text
            assert world.ours.id not in response.text
            if world.theirs.canary in response.text:
                own.add(operation)
    # That data is really there to leak: most reads show some text that the house wrote itself.
    assert len(own) > len(reads) // 2


async def test_a_ticket_of_ours_says_nothing_at_their_gate(world: World) -> None:
    body = {"id": str(uuid4()), "gate_id": world.theirs.ids["gate_id"], "scanned_at": datetime.now(UTC).isoformat()}
    before = await rows_of(world, world.ours.id)
    scanned = await world.ask(
        "POST", f"{world.theirs.base}/scans", world.theirs.device_token, body | {"code": world.ours.code}
    )
    expected = {"outcome": "refused", "reason": "wrong_establishment", "ticket": None, "earlier": None}
    assert scanned.json() == {"id": body["id"]} | expected
    assert await rows_of(world, world.ours.id) == before


async def test_a_gate_of_ours_records_nothing_in_their_upload(world: World) -> None:
    operation = f"POST {E}/scans/batch"
    attempt = await PREPARE[operation](world, world.theirs)
    before = await rows_of(world, world.ours.id)
    seen = []
    for wanted in (world.ours.ids["gate_id"], str(uuid4())):
        attempt.body["scans"][0]["gate_id"] = wanted
        seen.append(await attempt.send(world, operation, world.theirs.slug, world.theirs.admin_key))
    assert [scan["outcome"] for scan in seen[0].json()["scans"]] == ["invalid"]
    assert _shape(seen[0], world.ours.ids["gate_id"]) == _shape(seen[1], attempt.body["scans"][0]["gate_id"])
    assert await rows_of(world, world.ours.id) == before


async def _with_id(world: World, operation: str, mine: Attempt, name: str, wanted: str) -> httpx.Response:
    attempt = Attempt(mine.ids | {name: wanted}, mine.body)
    return await attempt.send(world, operation, world.theirs.slug, world.theirs.admin_key)


def _shape(response: httpx.Response, wanted: str) -> tuple[int, str, list[str]]:
    """All that a stranger could tell two answers apart by, but for the id that they sent themselves."""
    return response.status_code, response.text.replace(wanted, "…"), sorted(response.headers)


def _with(body: Any, pointer: str, value: str) -> Any:  # noqa: ANN401 - any JSON
    """The body with one value put where the pointer says; what is not there on the way is made."""
    if not pointer:
        return value
    step, _, rest = pointer[1:].partition("/")
    rest = rest and f"/{rest}"
    if step == "0":
        first = body[0] if body else {"name": "A gate"} if rest else None
        return [_with(first, rest, value)]
    changed = copy.copy(body) if isinstance(body, dict) else {}
    changed[step] = _with(changed.get(step, _empty(step)), rest, value)
    return changed


def _empty(step: str) -> object:
    line = {"slot_id": str(uuid4()), "tariff_id": str(uuid4()), "quantity": 1}
    return {"lines": [line], "eligibility": {}}.get(step, [])


def _ids_in(schema: Json, schemas: Json, pointer: str = "") -> Iterator[str]:
    if "$ref" in schema:
        yield from _ids_in(schemas[schema["$ref"].rpartition("/")[2]], schemas, pointer)
    if schema.get("format") == "uuid":
        yield pointer
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _ids_in(choice, schemas, pointer)
    for name, part in schema.get("properties", {}).items():
        yield from _ids_in(part, schemas, f"{pointer}/{name}")
    if isinstance(schema.get("items"), dict):
        yield from _ids_in(schema["items"], schemas, f"{pointer}/0")
