"""The published document tells a client all that it needs, and lists every code path that the fuzzer holds it to."""

from collections.abc import Iterator
from typing import Any

from tests.security.rights import ORDER, VISITOR, WHO_MAY, E
from tests.security.world import Json, World

# Repeated safely by other means: a scan by its own id, a notification by the provider's.
REFUSALS = f"{E}/reminder-refusals/{{token}}"
SAFE_BY_THEMSELVES = {
    # Works once: whose answer was lost asks for another code.
    "POST /v1/devices/pairing",
    f"POST {E}/scans",
    f"POST {E}/scans/batch",
    f"POST {E}/scans/{{scan_id}}/undo",
    "POST /v1/payments/stripe/{establishment}/webhook",
    f"POST {REFUSALS}",
}
FILES = {
    f"GET {REFUSALS}": ["text/html"],
    f"POST {REFUSALS}": ["text/html"],
    f"GET {ORDER}/tickets.pdf": ["application/pdf"],
    f"GET {E}/attendance.csv": ["text/csv"],
    f"GET {E}/attendance/stream": ["text/event-stream"],
    f"GET {E}/tickets/{{ticket_id}}": [
        "application/json",
        "application/pdf",
        "application/vnd.apple.pkpass",
        "image/svg+xml",
        "text/calendar",
    ],
}


async def _operations(world: World) -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in (await world.document())["paths"].items()
        for method, operation in item.items()
    }


async def test_every_operation_has_a_name_and_a_summary(world: World) -> None:
    operations = await _operations(world)
    ids = [operation["operationId"] for operation in operations.values()]
    assert sorted(set(ids)) == sorted(ids)
    assert all(name.isidentifier() for name in ids)
    assert [name for name, operation in operations.items() if not operation.get("summary")] == []


async def test_every_post_may_carry_an_idempotency_key(world: World) -> None:
    without = {
        name
        for name, operation in (await _operations(world)).items()
        if name.startswith("POST ")
        and "Idempotency-Key" not in {one["name"] for one in operation.get("parameters", ())}
    }
    assert without == SAFE_BY_THEMSELVES


async def test_the_document_says_who_needs_a_key(world: World) -> None:
    """An operation without the empty choice wants a key; the others decide by what is asked for."""
    for name, operation in (await _operations(world)).items():
        if VISITOR in WHO_MAY[name]:
            assert {} in operation["security"], name
        elif {} not in operation["security"]:
            assert "Needs a key with the scope `" in operation["description"], name
        else:
            assert any(reached in name for reached in ("order_id", "ticket_id", "entry_id")), name


async def test_answers_are_told_with_their_media_types(world: World) -> None:
    operations = await _operations(world)
    for name, operation in operations.items():
        success = next(
            answer for status, answer in operation["responses"].items() if status[0] == "2" or status == "303"
        )
        empty = bool({"204", "303"} & operation["responses"].keys())
        assert sorted(success.get("content", {})) == ([] if empty else FILES.get(name, ["application/json"])), name
        assert operation["responses"]["4XX"] == {"$ref": "#/components/responses/Problem"}
    cached = [name for name, operation in operations.items() if "304" in operation["responses"]]
    assert cached == [f"GET {E}/offers/{{offer_id}}/availability"]


async def test_every_reference_leads_somewhere(world: World) -> None:
    document = await world.document()
    for reference in _references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


async def test_bodies_are_closed_and_patterns_are_those_of_json_schema(world: World) -> None:
    document = await world.document()
    schemas = document["components"]["schemas"]
    for operation in (await _operations(world)).values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            body = schemas[content["schema"]["$ref"].rpartition("/")[2]]
            assert body["additionalProperties"] is False, body["title"]
    assert r"\Z" not in repr(document)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == "$ref":
                yield str(item)
            yield from _references(item)
