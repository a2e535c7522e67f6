"""Secrets are shown once and kept as hashes or sealed; and nobody gets another's answer by repeating a request."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.security.world import CUSTOMER, World, order_body

EVERY_COLUMN = """
SELECT format('%I.%I', table_schema, table_name) AS table, format('%I', column_name) AS column, data_type
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
"""


async def test_no_secret_stands_in_the_database(world: World) -> None:
    """All of it, past row-level security, after everything that gives out secrets was also repeated by key."""
    secrets = await _given_out(world)
    needles = {name: _telling(secret) for name, secret in secrets.items()}
    found = []
    columns = await world.owner.fetch(EVERY_COLUMN)
    for column in columns:
        # Texts as they are; bytes both as hexadecimal and, where they are text, as text.
        rows = await world.owner.fetch(f"SELECT DISTINCT {column['column']}::text AS text FROM {column['table']}")
        everything = "\n".join(row["text"] or "" for row in rows)
        for name, needle in needles.items():
            if needle in everything or needle.encode().hex() in everything:
                found.append((name, column["table"], column["column"]))
    assert found == []
    # The search looks where secrets would be: what is no secret is found.
    assert any("secret_hash" in column["column"] for column in columns)
    assert any("sealed_body" in column["column"] for column in columns)


async def _given_out(world: World) -> dict[str, str]:
    ours = world.ours
    headers = {"idempotency-key": f"at rest {uuid4()}"}
    key_body = {"name": "A key", "scopes": ["orders:read"]}
    made = [await world.ask("POST", f"{ours.base}/api-keys", ours.admin_key, key_body, headers=headers) for _ in "12"]
    order = [await world.ask("POST", f"{ours.base}/orders", None, order_body(ours), headers=headers) for _ in "12"]
    assert [answer.content for answer in made] == [made[0].content] * 2
    assert [answer.content for answer in order] == [order[0].content] * 2
    return {
        "operator key": world.operator_key,
        "admin key": ours.admin_key,
        "API key": made[0].json()["secret"],
        "device token": ours.device_token,
        "order token": order[0].json()["access_token"],
        "token of a confirmed order": ours.order_token,
        "Idempotency-Key": headers["idempotency-key"],
    }


def _telling(secret: str) -> str:
    """The part that nobody else can know: what is between the ids and the checksum."""
    parts = secret.split("_")
    telling = parts[3] if len(parts) == 5 else parts[-1]
    assert len(telling) >= 32
    return telling


async def test_the_same_key_of_another_actor_is_another_key(world: World) -> None:
    """Whoever sends it, with the very same body: each has an order of their own, and each gets it again."""
    ours, theirs = world.ours, world.theirs
    headers = {"idempotency-key": f"shared by all {uuid4()}"}
    actors = {
        "visitor": None,
        "admin": ours.admin_key,
        "another key": ours.keys["orders:write"],
        "operator": world.operator_key,
        "device": ours.device_token,
        "order": ours.order_token,
        "another order": ours.other_order_token,
    }
    first, again = [
        {
            name: (await world.ask("POST", f"{ours.base}/orders", credential, order_body(ours), headers=headers)).json()
            for name, credential in actors.items()
        }
        for _ in range(2)
    ]
    elsewhere = await world.ask("POST", f"{theirs.base}/orders", None, order_body(theirs), headers=headers)
    assert first == again
    assert len({order["id"] for order in first.values()} | {elsewhere.json()["id"]}) == len(actors) + 1


async def test_a_stranger_with_the_key_but_not_the_request_learns_nothing(world: World) -> None:
    ours = world.ours
    headers = {"idempotency-key": f"overheard {uuid4()}"}
    mine = order_body(ours) | {"customer": CUSTOMER}
    made = (await world.ask("POST", f"{ours.base}/orders", None, mine, headers=headers)).json()
    guesses: list[dict[str, Any]] = [order_body(ours), order_body(ours, quantity=1), mine | {"hold_minutes": 5}]
    for guess in guesses:
        answer = await world.ask("POST", f"{ours.base}/orders", None, guess, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert made["id"] not in answer.text
        assert made["access_token"] not in answer.text


@pytest.mark.parametrize("spelling", ["{}", '"{}"', " {} "])
async def test_a_key_is_the_same_however_it_is_quoted(world: World, spelling: str) -> None:
    ours, key = world.ours, f"quoted {uuid4()}"
    answers = [
        await world.ask("POST", f"{ours.base}/orders", None, order_body(ours), headers={"idempotency-key": written})
        for written in (key, spelling.format(key))
    ]
    assert answers[0].status_code == 201
    assert answers[0].content == answers[1].content


async def test_an_access_token_is_shown_to_its_maker_and_bearer_only(world: World) -> None:
    ours = world.ours
    made = await world.order(ours)
    path = f"{ours.base}/orders/{made['id']}"
    seen = {
        name: (await world.ask("GET", path, credential)).json().get("access_token")
        for name, credential in {"bearer": made["access_token"], "admin": ours.admin_key}.items()
    }
    assert seen == {"bearer": made["access_token"], "admin": None}
    listed = await world.ask("GET", f"{ours.base}/orders", ours.admin_key)
    assert "access_token" not in listed.text


async def test_a_revoked_key_ends_within_seconds(world: World) -> None:
    """The gateway may remember a key for a second; not longer."""
    ours = world.ours
    made = await world.make(ours, "/api-keys", {"name": "Short-lived", "scopes": ["orders:read"]})
    assert (await world.ask("GET", f"{ours.base}/orders", made["secret"])).status_code == 200
    assert (await world.ask("DELETE", f"{ours.base}/api-keys/{made['id']}", ours.admin_key)).status_code == 204
    async with asyncio.timeout(3):
        while (await world.ask("GET", f"{ours.base}/orders", made["secret"])).status_code != 401:  # noqa: ASYNC110 - time is what is waited for
            await asyncio.sleep(0.1)


async def test_a_key_gives_no_more_than_its_maker_has(world: World) -> None:
    ours = world.ours
    refused = await world.ask("POST", f"{ours.base}/api-keys", ours.admin_key, {"name": "x", "scopes": ["operator"]})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["#/scopes"]
