"""Bodies that are wrong in one way each: always a problem document that names the place, never a failure of ours."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from services.kit.errors import Problem
from services.kit.web import MAX_BODY_BYTES
from tests.security.attempts import PREPARE, Attempt
from tests.security.rights import OFFER, ORDER, E
from tests.security.spoiling import not_an_object, not_even_json, spoilt_bodies
from tests.security.world import CUSTOMER, Json, World

INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|sqlalchemy|asyncpg|psycopg|litestar"
    r"|SELECT |INSERT |UPDATE |/home/|/usr/|0x[0-9a-f]{8}",
    re.IGNORECASE,
)
# Fields that attempts leave out, so that they are spoilt as well.
MORE: dict[str, dict[str, Any]] = {
    "POST /v1/establishments": {
        "legal_name": "Association",
        "contact_email": "a@b.example",
        "accent_colour": "#1d3557",
        "payment_methods": ["free"],
        "stripe_account": "acct_1",
        "hold_minutes": 15,
        "cancellation_hours_before": 24,
    },
    f"POST {E}/api-keys": {"expires_at": "2150-01-01T00:00:00Z"},
    f"POST {E}/venues": {"address": "1 rue de la Paix", "gates": [{"name": "Nord"}]},
    f"POST {E}/offers": {
        "gauge_ids": [],
        "sales": {"opens_at": "2026-01-01T00:00:00Z", "late_entry_minutes": 5},
        "published": True,
    },
    f"POST {OFFER}/tariffs": {
        "admits": 1,
        "eligibility": {"min_age": 1, "max_age": 25, "proof": {"fr": "Carte"}},
        "min_per_order": 1,
        "max_per_order": 9,
        "channels": ["online"],
    },
    f"POST {E}/orders": {
        "customer": CUSTOMER,
        "hold_minutes": 5,
        "channel": "online",
        "confirm": {"payment_method": "free", "customer": CUSTOMER, "success_url": "https://shop.example/ok"},
    },
    f"POST {ORDER}/cancellation": {"ticket_ids": [str(UUID(int=1))]},
    f"POST {E}/scans": {"direction": "in", "offline": False, "override_reason": "A child"},
    f"POST {E}/devices": {"may_search": True},
    "POST /v1/devices/pairing": {"public_key": "A" * 43},
}
# Texts that may hold a line break: they are shown on pages, or are what a camera read.
FREE_TEXT = re.compile(
    r"/(name|description|reason|override_reason|legal_name|address|code|proof|about|opening_hours|access|terms|legal_notice"
    r"|not_accessible|\w+_pem)\b|/gates/\d+/name"
)
# What a camera read may hold anything, and is an unknown ticket then.
TAKES_NUL = {(f"POST {E}/scans", "#/code"), (f"POST {E}/scans/batch", "#/scans/0/code")}
# Told of by themselves, so that the others are recorded; but who sends no id hears of it for the whole.
TOLD_ONE_BY_ONE = re.compile(r"#/(scans|undos)/0/(?!id\Z)")
WITH_BODY = [operation for operation in PREPARE if operation.split(" ")[0] in {"POST", "PATCH"}]


async def test_every_fault_of_a_body_is_named(world: World, bodied: tuple[str, Attempt]) -> None:
    operation, attempt = bodied
    wrong = {}
    for spoilt in spoilt_bodies(_full_body(operation, attempt)):
        if spoilt.fault == "line break" and FREE_TEXT.search(spoilt.pointer) and "customer" not in spoilt.pointer:
            continue
        if spoilt.fault == "NUL" and (operation, spoilt.pointer) in TAKES_NUL:
            continue
        response = await _send(world, operation, attempt, spoilt.body)
        if operation == f"POST {E}/scans/batch" and TOLD_ONE_BY_ONE.match(spoilt.pointer):
            told = response.json()[spoilt.pointer.split("/")[1]]
            if [one["outcome"] for one in told] != ["invalid"]:
                wrong[spoilt.fault, spoilt.pointer] = response.status_code, [], response.text
            continue
        problem = check_problem(response)
        pointers = [error.pointer for error in problem.errors]
        if response.status_code != 422 or spoilt.pointer not in (*pointers, ""):
            wrong[spoilt.fault, spoilt.pointer] = response.status_code, pointers, problem.detail
    assert wrong == {}


async def test_what_is_no_json_is_malformed(world: World, bodied: tuple[str, Attempt]) -> None:
    operation, attempt = bodied
    for fault, body in not_even_json(_full_body(operation, attempt)).items():
        response = await _send(world, operation, attempt, body)
        assert (fault, response.status_code in (400, 422)) == (fault, True), response.text
        check_problem(response)


async def test_what_is_no_object_is_refused_at_its_root(world: World, bodied: tuple[str, Attempt]) -> None:
    operation, attempt = bodied
    for fault, body in not_an_object(_full_body(operation, attempt)).items():
        response = await _send(world, operation, attempt, body)
        problem = check_problem(response)
        assert (fault, response.status_code) == (fault, 422)
        assert len(problem.errors) == 1


async def test_a_body_is_needed(world: World, bodied: tuple[str, Attempt]) -> None:
    operation, attempt = bodied
    response = await _send(world, operation, attempt, b"")
    assert check_problem(response).errors[0].pointer == "#"
    assert response.status_code == 422


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "json",
        "",
    ],
)
async def test_only_json_is_read(world: World, media_type: str) -> None:
    response = await world.ask("POST", f"{world.ours.base}/orders", content=b"{}", headers={"content-type": media_type})
    assert (response.status_code, check_problem(response).code) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_named_in_several_ways(world: World, media_type: str) -> None:
    response = await world.ask("POST", f"{world.ours.base}/orders", content=b"{}", headers={"content-type": media_type})
    assert response.status_code == 422


async def test_ten_megabytes_are_too_many(world: World) -> None:
    body = b'{"lines": [' + b" " * 10_000_000 + b"]}"

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    for content in (body, in_pieces()):
        response = await world.ask(
            "POST", f"{world.ours.base}/orders", content=content, headers={"content-type": "application/json"}
        )
        assert (response.status_code, check_problem(response).code) == (413, "too_large")


async def test_a_body_of_the_largest_size_is_read(world: World) -> None:
    body = b'{"lines": []' + b" " * (MAX_BODY_BYTES - 13) + b"}"
    response = await world.ask(
        "POST", f"{world.ours.base}/orders", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == 422


@pytest.fixture(
    params=[
        name
        for name in WITH_BODY
        if name
        not in {
            f"POST {ORDER}/extension",
            f"POST {E}/messages/{{message_id}}/resend",
            f"POST {ORDER}/messages",
            f"POST {E}/reminder-refusals/{{token}}",
            f"POST {E}/signing-keys",
            f"POST {E}/devices/{{device_id}}/pairing",
            "POST /v1/payments/stripe/{establishment}/webhook",
        }
    ]
)
async def bodied(world: World, request: pytest.FixtureRequest) -> tuple[str, Attempt]:
    operation: str = request.param
    return operation, await PREPARE[operation](world, world.ours)


async def test_every_place_of_a_body_has_its_limits(world: World) -> None:
    """What has no limit ends in a column that has one, or in an answer as long as the question."""
    document = await world.document()
    endless = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                places = _endless(content["schema"], document["components"]["schemas"])
                endless |= {f"{method.upper()} {path} {place}" for place in places}
    assert endless == set()


def _endless(schema: Json, schemas: Json, pointer: str = "") -> Iterator[str]:
    if "$ref" in schema:
        yield from _endless(schemas[schema["$ref"].rpartition("/")[2]], schemas, pointer)
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _endless(choice, schemas, pointer)
    for name, part in schema.get("properties", {}).items():
        yield from _endless(part, schemas, f"{pointer}/{name}")
    parts = {
        "items": schema.get("items"),
        "keys": schema.get("propertyNames"),
        "values": schema.get("additionalProperties"),
    }
    for name, part in parts.items():
        if isinstance(part, dict):
            yield from _endless(part, schemas, f"{pointer}/{name}")
    kinds = schema.get("type", ())
    missing = {
        "string": not ({"enum", "const", "format", "maxLength"} & set(schema))
        and _may_be_long(schema.get("pattern", ".*")),
        "integer": not {"minimum", "maximum"} <= set(schema) and "enum" not in schema,
        "array": "maxItems" not in schema,
        "object": "properties" not in schema and "maxProperties" not in schema,
    }
    if any(missing.get(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield pointer


def _may_be_long(pattern: str) -> bool:
    return "*" in pattern or "+" in pattern


def check_problem(response: httpx.Response) -> Problem:
    """Every refusal is a problem document of the one kind, and says nothing of our insides."""
    assert 400 <= response.status_code < 500, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(response.content, type=Problem)
    assert problem.status == response.status_code
    assert problem.code
    assert problem.title
    assert not INSIDES.search(response.text), response.text
    assert len(response.content) < 20_000
    assert all(error.pointer.startswith("#") and error.detail for error in problem.errors)
    if response.status_code == 422 and problem.code == "validation_failed":
        assert problem.errors or problem.detail
    return problem


def _full_body(operation: str, attempt: Attempt) -> dict[str, Any]:
    assert isinstance(attempt.body, dict)
    return attempt.body | MORE.get(operation, {})


async def _send(world: World, operation: str, attempt: Attempt, body: bytes) -> httpx.Response:
    raw = Attempt(attempt.ids, raw=body, headers={"content-type": "application/json"})
    credential = world.operator_key if operation == "POST /v1/establishments" else world.ours.admin_key
    return await raw.send(world, operation, world.ours.slug, credential)
