"""An instance with a few establishments, and visitors who look at its pages."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser
from typing import Any

import httpx

from gateway.lifespan import Lifespan
from parvis.asgi import make_everything
from parvis.demo.making import make_establishment
from parvis.demo.offers import establishments
from services.kit.database import Database
from services.ticketing.access.actions import create_operator_key
from tests.conftest import Instance

VOID = {"meta", "link", "br", "hr", "img", "input"}
READER = {"accept": "text/html,*/*;q=0.8", "accept-language": "fr-FR,fr;q=0.9,en;q=0.5"}


class Page(HTMLParser):
    """What a browser would see; fails on tags that are not closed and on code within the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.headings: list[int] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        assert not {name for name in values if name.startswith("on") or name == "style"}
        assert tag != "style"
        assert tag != "script" or "src" in values or values["type"] == "application/ld+json"
        self.elements.append((tag, values))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """The attributes of the elements of that kind, which have these."""
        return [
            values
            for name, values in self.elements
            if name == tag and all(values.get(key.rstrip("_")) == value for key, value in wanted.items())
        ]

    @property
    def links(self) -> list[str]:
        return [values["href"] for tag, values in self.elements if tag == "a"]

    @property
    def ids(self) -> list[str]:
        return [values["id"] for _, values in self.elements if "id" in values]


class Street:
    def __init__(self, http: httpx.AsyncClient, made: list[dict[str, Any]]) -> None:
        self.http = http
        self.museum, self.castle, self.theatre = made

    async def page(self, path: str, *, status: int = 200, **headers: str) -> Page:
        answer = await self.http.get(path, headers=READER | headers)
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    async def page_with(self, path: str, text: str) -> Page:
        """Once what is remembered has been made anew, seconds later at most."""
        async with asyncio.timeout(5):
            while True:
                page = await self.page(path)
                if text in page.text:
                    return page
                await asyncio.sleep(0.05)

    def offer(self, establishment: dict[str, Any], place: int = 0) -> str:
        return f"/{establishment['slug']}/offers/{establishment['offer_ids'][place]}"

    async def change(self, establishment: dict[str, Any], path: str, body: dict[str, Any]) -> httpx.Response:
        """As the establishment's own staff."""
        url = f"/v1/establishments/{establishment['slug']}{path}"
        return await self.http.patch(url, json=body, headers={"authorization": f"Bearer {establishment['admin_key']}"})


@asynccontextmanager
async def open_street(instance: Instance) -> AsyncIterator[Street]:
    settings = instance.settings(
        read_rate_per_minute=0, write_rate_per_minute=0, pool_size=4, public_url="http://tickets.example"
    )
    database = Database(instance.ticketing_url, pool_size=1)
    key = await database.write_instance(partial(create_operator_key, name="Street", mode="live"))
    await database.close()
    app = make_everything(settings)
    lifespan = Lifespan("street", app)
    await lifespan.start()
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx and Litestar type ASGI differently
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://tickets.example") as http:
            today = datetime.now(UTC).date()
            yield Street(http, [await make_establishment(http, key, one) for one in establishments(today)])
    finally:
        await lifespan.stop()
