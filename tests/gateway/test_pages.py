import re
from html.parser import HTMLParser

import pytest

from gateway.openapi import merge
from gateway.pages.rendering import STYLE_PATH
from tests.gateway.house import House

VOID = {"meta", "link", "br", "hr", "img", "input"}
PAGES = ["/docs", "/docs/schemas", "/docs/problems"]


class Page(HTMLParser):
    """What a browser would see; fails on tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.language = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "html":
            self.language = values["lang"]
        if "id" in values:
            self.ids.append(values["id"])
        self.links += [values[name] for name in ("href", "src") if name in values]
        assert not {name for name in values if name.startswith("on") or name == "style"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", PAGES)
async def test_page_is_sound_light_and_needs_nobody_else(house: House, path: str):
    answer = await house.client.get(path)
    page = Page(answer.text)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert len(answer.content) < 100_000
    assert not {"script", "iframe", "style"} & page.tags
    assert {"main", "h1", "title"} <= page.tags
    assert page.headings.count(1) == 1
    assert all(deeper - before <= 1 for before, deeper in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith(("/", "#", "data:,")) for link in page.links)


async def test_every_link_of_the_pages_leads_somewhere(house: House):
    pages = {path: Page((await house.client.get(path)).text) for path in PAGES}
    for path, page in pages.items():
        for link in page.links:
            target, _, fragment = link.partition("#")
            target = target or path
            # The first page is the shop's: see tests/gateway/shop.
            if target.startswith(("data:", "/v1")) or target == "/":
                continue
            assert (await house.client.get(target)).status_code == 200, link
            assert not fragment or fragment in pages[target].ids, link


async def test_reference_shows_operations_with_their_parameters_and_bodies(house: House):
    text = (await house.client.get("/docs")).text

    assert "<code>POST /v1/establishments/{establishment}/orders</code>" in text
    assert '<a href="/docs/schemas#NewOrder">NewOrder</a>' in text
    assert "<code>Idempotency-Key</code>" in text
    assert "One order: As <code>JSON</code>." in text


async def test_every_problem_code_has_a_place_on_its_page(house: House):
    page = Page((await house.client.get("/docs/problems")).text)

    assert {"sold_out", "not_found", "rate_limited", "too_large", "unavailable", "internal"} <= set(page.ids)


async def test_style_sheet_may_be_kept_for_a_year(house: House):
    answer = await house.client.get(STYLE_PATH)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(answer.content) < 5_000
    assert "prefers-color-scheme: dark" in answer.text


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/schemas"])
async def test_document_that_did_not_change_is_not_sent_again(house: House, path: str):
    first = await house.client.get(path)
    second = await house.client.get(path, headers={"if-none-match": first.headers["etag"]})

    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]


async def test_document_tells_what_the_gateway_adds(house: House):
    document = (await house.client.get("/openapi.json")).json()
    operations = [operation for item in document["paths"].values() for operation in item.values()]

    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "https://tickets.example"}]
    assert document["security"] == [{}, {"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert [tag["name"] for tag in document["tags"]] == [
        "attendance",
        "availability",
        "broken",
        "closures",
        "devices",
        "orders",
        "slow",
    ]
    assert all(path.startswith("/v1/") for path in document["paths"])
    for operation in operations:
        assert operation["responses"]["4XX"] == {"$ref": "#/components/responses/Problem"}
        assert operation["responses"]["503"] == {"$ref": "#/components/responses/TryAgain"}
        assert "400" not in operation["responses"]


def test_schemas_of_the_same_name_and_another_meaning_stay_apart():
    def part(kind: str) -> dict[str, object]:
        reference = {"$ref": "#/components/schemas/Line"}
        content = {"application/json": {"schema": {"type": "array", "items": reference}}}
        operation = {"operationId": "List", "responses": {"200": {"content": content}}}
        schemas = {"Line": {"type": kind}, "Text": {"type": "string"}}
        return {"paths": {f"/v1/{kind}": {"get": operation}}, "components": {"schemas": schemas}}

    document = merge({"inventory": part("string"), "ticketing": part("integer")}, "https://a.example")
    items = {
        path: item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["items"]["$ref"]
        for path, item in document["paths"].items()
    }

    assert items == {
        "/v1/string": "#/components/schemas/Line",
        "/v1/integer": "#/components/schemas/TicketingLine",
    }
    assert document["components"]["schemas"]["TicketingLine"] == {"type": "integer"}
    assert "TicketingText" not in document["components"]["schemas"]
    assert document["paths"]["/v1/integer"]["get"]["operationId"] == "TicketingList"


async def test_own_page_does_not_take_a_post(house: House):
    answer = await house.client.post("/docs")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
