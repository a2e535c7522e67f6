"""What is one visitor's own stays theirs, and reads well in every language."""

from uuid import UUID, uuid4

import httpx
import pytest

from gateway.shop.pocket import Opener, Pocket
from tests.gateway.shop.browser import Browser
from tests.gateway.shop.street import Page
from tests.gateway.shop.till import Till, bought, choose, order_of
from tests.journeys.past import end_order

LANGUAGES = ["fr", "en", "de", "es", "it"]


def opener(slug: str, order_id: UUID, token: str) -> dict[str, str]:
    return {"cookie": f"parvis-order={slug}~{order_id.hex}~{token}"}


async def test_who_has_no_right_sees_the_same_as_for_what_never_was(till: Till, browser: Browser):
    museum, elsewhere = await till.museum(), await till.museum()
    await bought(browser, museum, free="1")
    order, token = await order_of(browser, museum), browser.http.cookies["parvis-order"].split("~")[2]
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    mine, theirs, nothing = f"/{museum.slug}/orders/{order.id}", f"/{elsewhere.slug}/orders/{order.id}", uuid4()
    asked = [
        (f"{mine}", {}),
        (f"{mine}", opener(museum.slug, order.id, forged)),
        (f"{mine}?access_token={forged}", {}),
        (f"{mine}?access_token=nonsense", {}),
        (f"{mine}/tickets", opener(museum.slug, order.id, forged)),
        (f"{theirs}", opener(elsewhere.slug, order.id, token)),
        (f"{theirs}?access_token={token}", {}),
        (f"/{museum.slug}/orders/{nothing}?access_token={token}", {}),
        (f"/{museum.slug}/orders/{nothing}", opener(museum.slug, nothing, token)),
        (f"/{museum.slug}/orders/{nothing}/cancel", {}),
    ]
    texts = set()
    async with httpx.AsyncClient(base_url=till.house.url, trust_env=False, headers={"accept": "text/html"}) as stranger:
        for path, cookie in asked:
            answer = await stranger.get(path, headers=cookie)
            assert (path, answer.status_code, "set-cookie" in answer.headers) == (path, 404, False)
            texts.add(" ".join(Page(answer.text).text.split()))
    assert len(texts) == 1


async def test_cookies_of_other_sites_do_not_hide_ours(till: Till, browser: Browser):
    """Trackers of the parent domain leave what no standard allows."""
    museum = await till.museum()
    await bought(browser, museum, free="1")
    order, ours = await order_of(browser, museum), browser.http.cookies["parvis-order"]
    async with httpx.AsyncClient(base_url=till.house.url, trust_env=False, headers={"accept": "text/html"}) as same:
        for beside in ('x={"a":1}', "flag", "=x", "path=/", "a b=c", 'utm="unclosed', "parvis-order2=x"):
            cookies = {"cookie": f"{beside}; parvis-order={ours}"}
            answer = await same.get(f"/{museum.slug}/orders/{order.id}", headers=cookies)
            assert (beside, answer.status_code) == (beside, 200)
        long = f"/{museum.slug}/orders/{order.id}?access_token={ours.split('~')[2]}&fbclid={'x' * 2_000}"
        assert (await same.get(long)).status_code == 303


async def test_files_of_tickets_are_for_the_holder_only(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, free="1")
    order = await order_of(browser, museum)
    paths = [f"tickets/{order.tickets[0].id}.{extension}" for extension in ("pdf", "ics")]
    async with httpx.AsyncClient(base_url=till.house.url, trust_env=False) as stranger:
        for path in ("tickets.pdf", *paths):
            assert (await browser.http.get(f"/{museum.slug}/orders/{order.id}/{path}")).status_code == 200
            assert (await stranger.get(f"/{museum.slug}/orders/{order.id}/{path}")).status_code == 404
    wrong = await browser.http.get(f"/{museum.slug}/orders/{order.id}/tickets/{uuid4()}.pdf")
    assert wrong.status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}],
    ids=["other site", "other host of the site", "without fetch metadata"],
)
async def test_forms_that_another_site_sends_do_nothing(till: Till, browser: Browser, headers: dict[str, str]):
    museum = await till.museum()
    await choose(browser, museum, free="1")
    form = browser.form("/order/details")
    form.fields |= {"name": "Ada", "email": "ada@example.org"}
    answer = await browser.http.post(form.action, data=form.fields, headers=headers)

    assert (answer.status_code, (await order_of(browser, museum)).status) == (403, "held")
    assert (await browser.http.post(f"/{museum.slug}/order", data={}, headers=headers)).status_code == 403


async def test_forms_need_what_only_their_page_knows(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="1")
    for end in ("details", "lines", "extension", "end"):
        form = browser.form(f"/order/{end}")
        form.fields["form_token"] = "0" * 32
        await browser.send(form, status=403)
        await browser.get(f"/{museum.slug}/order")
        form = browser.form(f"/order/{end}")
        del form.fields["form_token"]
        await browser.send(form, status=403)
        await browser.get(f"/{museum.slug}/order")
    assert (await order_of(browser, museum)).status == "held"


async def test_forms_of_one_order_do_not_fit_another(till: Till, browser: Browser):
    museum = await till.museum()
    await choose(browser, museum, free="1")
    victim = await order_of(browser, museum)
    other = till.browser()
    await choose(other, museum, free="1")
    form = other.form("/order/end")
    form.fields["order_id"] = str(victim.id)
    await other.send(form, status=404)
    await other.close()
    assert (await order_of(browser, museum)).status == "held"


async def test_cookie_comes_with_the_first_places_and_no_script_can_read_it(till: Till, browser: Browser):
    museum = await till.museum()
    slot = (await museum.slots())[-1]
    await browser.get(f"/{museum.slug}/offers/{museum.offer_id}?day={slot.starts_at.date()}")
    await browser.get(f"/{museum.slug}/order")
    assert dict(browser.http.cookies) == {}
    filled = {"slot_id": str(slot.id), "offer_id": str(museum.offer_id), f"quantity.{museum.free_id}": "1"}
    answer = await browser.http.post(f"/{museum.slug}/order", data=filled)

    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith(f"parvis-order={museum.slug}~")
    assert attributes == ["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax"]


class Visited:
    """As much of a visit as a pocket looks at."""

    def __init__(self, cookies: dict[str, str]) -> None:
        self.cookies = cookies
        self.view = type("View", (), {"slug": "museum"})()


def test_over_https_no_other_host_can_set_the_cookie():
    one = Opener("museum", UUID(int=1), "pvo_a_b")
    pocket = Pocket(Visited({}), "https://tickets.example")  # type: ignore[arg-type]  # see Visited
    assert pocket.with_first(one) == (
        (
            b"set-cookie",
            f"__Host-parvis-order=museum~{one.id.hex}~pvo_a_b; Path=/; Max-Age=2592000; "
            "HttpOnly; SameSite=Lax; Secure".encode(),
        ),
    )


def test_pocket_holds_ten_and_ignores_what_it_did_not_write():
    pieces = [f"museum~{UUID(int=number).hex}~pvo_{number}_b" for number in range(10)]
    cookies = {"parvis-order": ".".join(["other~x~y", "", *pieces])}
    pocket = Pocket(Visited(cookies), "http://tickets.example")  # type: ignore[arg-type]  # see Visited
    assert pocket.current == Opener("museum", UUID(int=0), "pvo_0_b")
    new = Opener("museum", UUID(int=99), "pvo_new")
    (_, first), (_, last) = *pocket.with_first(new), *pocket.with_last(new)
    assert first.count(b"~pvo_") == last.count(b"~pvo_") == 9
    assert first.startswith(b"parvis-order=museum~" + new.id.hex.encode())
    assert last.split(b"; ")[0].endswith(b"~pvo_new")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_own_pages_are_sound_in_every_language(till: Till, till_owner, language: str):
    museum = await till.museum()
    browser = till.browser(language)
    slots = await museum.slots()

    def check() -> None:
        page, answer = browser.page, browser.answer
        assert page.all("html") == [{"lang": language}]
        assert page.headings.count(1) == 1
        assert page.headings[0] == 1
        assert all(deeper - before <= 1 for before, deeper in zip(page.headings, page.headings[1:], strict=False))
        assert len(page.ids) == len(set(page.ids))
        assert len(page.elements) < 300
        described = [values.get("aria-describedby", "") for _, values in page.elements]
        assert {one for text in described for one in text.split()} <= set(page.ids)
        assert {label["for"] for label in page.all("label") if "for" in label} <= set(page.ids)
        assert answer.headers["cache-control"] == "no-store"
        assert "style-src 'self'" in answer.headers["content-security-policy"]
        assert page.all("meta", name="robots", content="noindex")

    async def look(path: str, *, status: int = 200) -> None:
        await browser.get(path, status=status)
        check()

    await look(f"/{museum.slug}/order")
    await look(f"/{museum.slug}/orders/{uuid4()}", status=404)
    await choose(browser, museum, full="2", free="1")
    check()
    await browser.click("/order/details", status=422, name="", email="", payment_method="")
    check()
    await browser.click("/order/details", name="Ada", email="ada@example.org", payment_method="stripe")
    await look(f"/{museum.slug}/order")
    await browser.click("/order/payment", payment_method="on_site")
    check()
    path = browser.path
    await look(f"{path}/tickets")
    await look(f"{path}/cancel")
    await browser.click("/cancel", **dict.fromkeys(browser.form("/cancel").choices, "on"))
    check()
    await look(f"{path}/visits/{slots[-1].id}/time")
    await browser.click("/time", slot_id=str(slots[-2].id))
    check()
    await choose(browser, museum, free="1")
    await end_order(till_owner, await order_of(browser, museum))
    await look(f"/{museum.slug}/order")
    await look(
        f"/{museum.slug}/waiting-list?offer={museum.offer_id}&day={slots[-1].starts_at.date()}&slot={slots[-1].id}"
    )
    await browser.close()
