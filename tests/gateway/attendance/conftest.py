"""A museum behind real sockets, whose attendance is watched by a reader without JavaScript."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import pytest_asyncio

from gateway.app import Gateway
from parvis.asgi import make_everything
from parvis.embedded.servers import EmbeddedServers
from parvis.establishments import operator_key
from tests.gateway.served import served
from tests.gateway.shop.street import READER
from tests.journeys.house import House
from tests.journeys.museum import Museum, found_museum
from tests.services.conftest import cloned

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


class Open(msgspec.Struct, frozen=True):
    house: House
    gateway: Gateway


class Watched(msgspec.Struct, frozen=True):
    """`reports` is a key that may read reports, `reports_id` its id."""

    museum: Museum
    gateway: Gateway
    reports: str
    reports_id: str

    def reader(self) -> httpx.AsyncClient:
        headers = READER | {"accept-language": "en"}
        return httpx.AsyncClient(base_url=self.museum.house.url, headers=headers, trust_env=False, timeout=10)

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self.reader() as reader:
            answer = await reader.post("/attendance", data={"key": self.reports}, headers=SAME_ORIGIN)
            assert (answer.status_code, answer.headers["location"]) == (303, "/attendance")
            yield reader


@asynccontextmanager
async def opened(servers: EmbeddedServers, template: str) -> AsyncIterator[Open]:
    async with cloned(servers, template, f"attendance_{uuid4().hex}") as instance:
        settings = instance.settings(read_rate_per_minute=0, write_rate_per_minute=0)
        app = make_everything(settings)
        assert isinstance(app, Gateway)
        key = await operator_key(settings, "Attendance")
        async with served(app) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as http:
            yield Open(House(url, "", key, settings, http, Path()), app)


async def watched_in(place: Open) -> Watched:
    museum = await found_museum(place.house)
    made = await museum.make_key("reports:read")
    return Watched(museum, place.gateway, made["secret"], made["id"])


@pytest_asyncio.fixture(scope="session")
async def watched_house(servers: EmbeddedServers, template: str) -> AsyncIterator[Open]:
    async with opened(servers, template) as place:
        yield place


@pytest_asyncio.fixture
async def watched(watched_house: Open) -> Watched:
    """A museum of its own for each test."""
    return await watched_in(watched_house)
