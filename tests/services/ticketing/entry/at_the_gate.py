"""A museum that sells and scans, asked over HTTP in this process, and scanners at its gates."""

from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest_asyncio

from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from tests.growth.journey import house_in_this_process
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum
from tests.services.conftest import cloned


class Scanner(msgspec.Struct, frozen=True):
    """A paired phone: what it was told when it was paired, and its token for everything after."""

    museum: Museum
    paired: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.paired["device_id"])

    @property
    def token(self) -> str:
        return str(self.paired["device_token"])

    @property
    def gate_id(self) -> str:
        return str(self.paired["gates"][0]["id"])

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.museum.ask(method, path, body, key=self.token)


@pytest_asyncio.fixture(scope="session")
async def gate_house(servers: EmbeddedServers, template: str) -> AsyncIterator[House]:
    """One process for all tests of scanners: each has a museum of its own."""
    async with cloned(servers, template, f"gates_{uuid4().hex}") as instance:
        settings = instance.settings(read_rate_per_minute=0, write_rate_per_minute=0, trusted_proxies="127.0.0.1")
        async with house_in_this_process(settings, await operator_key(settings, "Gates")) as house:
            yield house


@pytest_asyncio.fixture
async def selling_museum(gate_house: House) -> Museum:
    return await found_museum(gate_house, payment_methods=["free", "on_site"], cancellation_hours_before=0)


async def offer_scanner(museum: Museum, *gate_ids: UUID, **more: object) -> dict[str, Any]:
    """As an admin makes it: with a code that pairs it."""
    body = {"gate_ids": [str(gate_id) for gate_id in gate_ids or (museum.gate_id,)], **more}
    offered: dict[str, Any] = await museum.staff("POST", "/devices", body, status=201)
    return offered


async def pair(museum: Museum, code: str, **more: object) -> httpx.Response:
    # From somewhere else each time: what is tested here is not how often somebody may guess.
    address = IPv4Address(uuid4().int % 2**32 | 1)
    headers = {"x-forwarded-for": f"{address}"}
    return await museum.house.http.post("/v1/devices/pairing", json={"code": code, **more}, headers=headers)


async def paired_scanner(museum: Museum, *gate_ids: UUID, **more: object) -> Scanner:
    offered = await offer_scanner(museum, *gate_ids, **more)
    answer = await pair(museum, offered["pairing_code"])
    assert answer.status_code == 201, answer.text
    return Scanner(museum, answer.json())
