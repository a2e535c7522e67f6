"""The other side of a card payment: a visitor's browser on the hosted page, and what the bank can be told to do."""

from html.parser import HTMLParser

import httpx

from tests.journeys.answers import Order
from tests.journeys.house import House
from tests.journeys.museum import Museum

GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
AUTHENTICATED_CARD = "4000 0027 6000 3184"


class Form(HTMLParser):
    """The one form of a page: where it goes, what is filled in, and its last button of each name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.action = given["action"]
        elif tag == "input" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")


class Bank:
    """The stand-in for Stripe, seen from outside."""

    def __init__(self, house: House, http: httpx.AsyncClient) -> None:
        self._house = house
        self._http = http

    async def tell(self, museum: Museum) -> None:
        """Where the museum's notifications go; without it nobody is told of a payment."""
        url = f"{self._house.url}/v1/payments/stripe/{museum.slug}/webhook"
        await self._control("POST", "/webhook-endpoints", {"url": url, "account": museum.account})

    async def plan(self, **plan: object) -> None:
        """How notifications travel from now on."""
        await self._control("PUT", "/webhook-delivery-plan", plan)

    async def release(self, order: str) -> None:
        await self._control("POST", "/webhook-deliveries/release", {"order": order})

    async def pay(self, order: Order) -> None:
        """Without a browser."""
        session_id = _page(order).rpartition("/")[2]
        await self._control("POST", f"/checkout/{session_id}/pay", {})

    async def visit(self, order: Order) -> httpx.Response:
        return await self._http.get(_page(order))

    async def type_card(self, order: Order, card: str) -> httpx.Response:
        """A visitor opens the page, types a card and follows where the form leads, one page far."""
        return await self._submit(await self.visit(order), card=card)

    async def answer(self, asked: httpx.Response, answer: str) -> httpx.Response:
        """To the question of 3-D Secure: `authorise` or `refuse`."""
        return await self._submit(asked, answer=answer)

    async def captured_minor(self, museum: Museum) -> tuple[int, int]:
        """What was taken for the museum, and what of it went back."""
        state = (await self._http.get("/_stand_in/state")).json()["accounts"][museum.account]
        return state["captured_minor"], state["refunded_minor"]

    async def _submit(self, page: httpx.Response, **typed: str) -> httpx.Response:
        assert page.status_code == httpx.codes.OK, page.text
        form = Form(page.text)
        answered = await self._http.post(form.action, data=form.fields | typed)
        assert answered.status_code == httpx.codes.SEE_OTHER
        return await self._http.get(answered.headers["location"])

    async def _control(self, method: str, path: str, body: object) -> None:
        (await self._http.request(method, f"/_stand_in{path}", json=body)).raise_for_status()


def _page(order: Order) -> str:
    assert order.payment
    assert order.payment.url
    return order.payment.url
