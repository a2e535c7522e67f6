"""From the admin's code to a phone that scans, over HTTP."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.ticketing.access.rules import read_credential
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum
from tests.services.ticketing.entry.at_the_gate import Scanner, offer_scanner, pair, paired_scanner

KEY = base64.urlsafe_b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).rstrip(b"=").decode()
OWN_ROUTES = ("/entry-pass?gate_id={gate}", "/entry/search?q=lovelace")


@pytest_asyncio.fixture
async def owner(gate_house: House) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(gate_house.settings.database_url)
    yield connection
    await connection.close()


async def test_a_code_pairs_one_phone_with_the_gates_of_the_admin(selling_museum: Museum):
    museum = selling_museum
    offered = await offer_scanner(museum, museum.gate_id, museum.second_gate_id, name="Hall", may_search=True)
    assert offered["pairing_qr"] == f"{museum.house.url}/scanner#pair={offered['pairing_code']}"
    assert offered["may_search"]
    left = datetime.fromisoformat(offered["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=9, seconds=50) < left <= timedelta(minutes=10)

    answer = await pair(museum, offered["pairing_code"], public_key=KEY, name="Ada's phone")
    paired = answer.json()
    assert answer.status_code == 201
    assert read_credential(paired["device_token"]).kind == "device"
    assert paired == {
        "device_id": offered["id"],
        "device_token": paired["device_token"],
        "name": "Hall",
        "establishment": {
            "id": str(museum.id),
            "slug": museum.slug,
            "name": {"fr": "Musée des Essais", "en": "Museum of Trials"},
            "timezone": "Europe/Paris",
        },
        "gates": [
            {"id": str(gate_id), "name": name, "venue_id": paired["gates"][0]["venue_id"]}
            for gate_id, name in ((museum.gate_id, "Porte"), (museum.second_gate_id, "Jardin"))
        ],
        "may_search": True,
    }
    again = await pair(museum, offered["pairing_code"], public_key=KEY)
    assert (again.status_code, again.json()["code"]) == (404, "unknown_pairing_code")
    assert (await museum.events())[-1].type == "device.paired"


async def test_a_typed_code_is_read_as_people_write(selling_museum: Museum):
    for write in (str.lower, lambda code: code.replace("-", " "), lambda code: f" {code.replace('-', '')}\n"):
        offered = await offer_scanner(selling_museum)
        assert (await pair(selling_museum, write(offered["pairing_code"]))).status_code == 201


async def test_a_nameless_scanner_takes_the_name_of_its_phone(selling_museum: Museum):
    offered = await offer_scanner(selling_museum)
    assert (await pair(selling_museum, offered["pairing_code"], name="Ada's phone")).json()["name"] == "Ada's phone"


@pytest.mark.parametrize("code", ["AAAA-AAAA", "AAAA", "AAAA-AAAAA", "0000-0000", "ſſſſ-ſſſſ", "-"])
async def test_a_wrong_code_finds_nothing(selling_museum: Museum, code: str):
    answer = await pair(selling_museum, code)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_pairing_code")


@pytest.mark.parametrize("key", ["", "x", KEY[:-1], KEY + "AA", KEY[:-1] + "$", "_" * 43])
async def test_a_key_that_is_none_is_refused_and_the_code_stays_good(selling_museum: Museum, key: str):
    offered = await offer_scanner(selling_museum)
    refused = await pair(selling_museum, offered["pairing_code"], public_key=key)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/public_key")
    assert (await pair(selling_museum, offered["pairing_code"], public_key=KEY)).status_code == 201


async def test_a_code_lives_ten_minutes(selling_museum: Museum, owner: "asyncpg.Connection[asyncpg.Record]"):
    offered = await offer_scanner(selling_museum)
    await owner.execute(
        "UPDATE ticketing.pairing_codes SET expires_at = now() WHERE establishment_id = $1", selling_museum.id
    )
    assert (await pair(selling_museum, offered["pairing_code"])).status_code == 404
    await offer_scanner(selling_museum)
    # Whoever makes the next one tidies up; the code itself is kept nowhere.
    rows = await owner.fetch("SELECT * FROM ticketing.pairing_codes WHERE establishment_id = $1", selling_museum.id)
    assert len(rows) == 1


async def test_of_two_phones_with_one_code_one_is_paired(selling_museum: Museum):
    offered = await offer_scanner(selling_museum)
    answers = await asyncio.gather(*[pair(selling_museum, offered["pairing_code"]) for _ in range(5)])
    assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404, 404]


async def test_pairing_again_voids_the_code_before_and_once_used_the_token_before(selling_museum: Museum):
    museum = selling_museum
    scanner = await paired_scanner(museum)
    first, second = [await museum.staff("POST", f"/devices/{scanner.id}/pairing", status=201) for _ in range(2)]
    assert (await pair(museum, first["pairing_code"])).status_code == 404
    assert (await scanner.ask("GET", f"/entry-pass?gate_id={scanner.gate_id}")).status_code == 200
    answer = await pair(museum, second["pairing_code"])
    renewed = Scanner(museum, answer.json())
    assert (renewed.id, renewed.paired["gates"]) == (scanner.id, scanner.paired["gates"])
    assert (await renewed.ask("GET", f"/entry-pass?gate_id={scanner.gate_id}")).status_code == 200


async def test_a_repeated_request_makes_one_scanner(selling_museum: Museum):
    museum, key = selling_museum, str(uuid4())
    body = {"gate_ids": [str(museum.gate_id)]}
    made = [
        (await museum.ask("POST", "/devices", body, key=museum.admin_key, idempotency_key=key)).json() for _ in range(2)
    ]
    assert made[0] == made[1]
    assert len((await museum.staff("GET", "/devices"))["items"]) == 1


async def test_gates_of_another_museum_are_none(selling_museum: Museum, gate_house: House):
    other = await found_museum(gate_house)
    for gate_ids in ([], [str(other.gate_id)], [str(selling_museum.gate_id), str(uuid4())]):
        answer = await selling_museum.ask("POST", "/devices", {"gate_ids": gate_ids}, key=selling_museum.admin_key)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/gate_ids")


async def test_the_list_tells_how_scanners_are(selling_museum: Museum):
    museum = selling_museum
    await offer_scanner(museum, name="Still in its box")
    scanner = await paired_scanner(museum, museum.gate_id, name="Hall")
    status = {"battery_percent": 81, "pending_uploads": 3, "app_version": "1.2.0"}
    assert (await scanner.ask("PUT", "/devices/self/status", status)).status_code == 204
    boxed, hall = (await museum.staff("GET", "/devices"))["items"]
    assert (boxed["name"], boxed["paired_at"], boxed["last_seen_at"]) == ("Still in its box", None, None)
    seen = datetime.fromisoformat(hall["last_seen_at"])
    assert abs(datetime.now(UTC) - seen) < timedelta(seconds=30)
    assert hall == {
        "id": scanner.id,
        "name": "Hall",
        "gate_ids": [str(museum.gate_id)],
        "may_search": False,
        "created_at": hall["created_at"],
        "paired_at": hall["paired_at"],
        "revoked_at": None,
        "last_seen_at": hall["last_seen_at"],
        **status,
    }
    # Desktop browsers tell nothing of a battery.
    del status["battery_percent"]
    await scanner.ask("PUT", "/devices/self/status", status)
    assert (await museum.staff("GET", "/devices"))["items"][1]["battery_percent"] is None


async def test_only_a_scanner_has_a_status(selling_museum: Museum):
    status = {"pending_uploads": 0, "app_version": "1"}
    key = (await selling_museum.make_key("entry:scan"))["secret"]
    assert (await selling_museum.ask("PUT", "/devices/self/status", status, key=key)).status_code == 403


async def test_a_revoked_scanner_is_out_at_once_on_all_its_routes(selling_museum: Museum):
    """Although the gateway still remembers who it was."""
    museum = selling_museum
    scanner = await paired_scanner(museum, museum.gate_id, may_search=True)
    paths = [path.format(gate=scanner.gate_id) for path in OWN_ROUTES]
    assert [(await scanner.ask("GET", path)).status_code for path in paths] == [200, 200]
    offered = await museum.staff("POST", f"/devices/{scanner.id}/pairing", status=201)
    await museum.staff("DELETE", f"/devices/{scanner.id}", status=204)
    assert [(await scanner.ask("GET", path)).status_code for path in paths] == [401, 401]
    status = {"pending_uploads": 0, "app_version": "1"}
    assert (await scanner.ask("PUT", "/devices/self/status", status)).status_code == 401
    # Nor does it come back.
    assert (await pair(museum, offered["pairing_code"])).status_code == 404
    again = await museum.ask("POST", f"/devices/{scanner.id}/pairing", key=museum.admin_key)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert (await museum.staff("GET", "/devices"))["items"][0]["revoked_at"]
