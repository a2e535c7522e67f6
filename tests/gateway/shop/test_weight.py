"""What /{establishment}/ecoconception states, measured: bytes as a browser receives them, without the logo."""

from datetime import UTC, datetime

from gateway.shop.calendar import later
from gateway.shop.declarations import STATED
from tests.gateway.shop.street import READER, Page, Street

HEADERS_BYTES = 600


async def test_first_visit_weighs_no_more_than_is_stated(street: Street):
    # A whole month with eighteen times a day: the heaviest that the demo has.
    month = later(datetime.now(UTC).date().replace(day=1), 1)
    answer = await street.http.get(f"{street.offer(street.museum)}?month={month:%Y-%m}", headers=READER)
    page = Page(answer.text)
    parts = [values["src"] for values in page.all("script") if "src" in values]
    parts += [values["href"] for values in page.all("link", rel="stylesheet") + page.all("link", rel="icon")]
    answers = [answer, *[await street.http.get(path) for path in parts]]

    assert len(answers) <= STATED.requests
    weight = sum(int(one.headers["content-length"]) + HEADERS_BYTES for one in answers)
    assert weight <= STATED.kilobytes * 1000
    # The script adds two buttons to each tariff.
    assert len(page.elements) + 2 * len(page.all("input", type="number")) <= STATED.elements
