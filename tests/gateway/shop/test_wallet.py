from io import BytesIO
from zipfile import ZipFile

from tests.certificates import PASS_TYPE, TEAM, wallet_certificate
from tests.gateway.shop.browser import Browser
from tests.gateway.shop.till import Till, bought
from tests.journeys.waiting import eventually

MEDIA_TYPE = "application/vnd.apple.pkpass"


def pass_links(browser: Browser) -> list[str]:
    return [link["href"] for link in browser.page.all("a") if link.get("type") == MEDIA_TYPE]


async def test_passes_are_offered_as_long_as_there_is_a_certificate(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, free="2")
    tickets = f"{browser.path}/tickets"
    await browser.get(tickets)
    assert pass_links(browser) == []

    made = await museum.staff("POST", "/wallet-certificate", wallet_certificate(), status=201)
    assert made == await museum.staff("GET", "/wallet-certificate")
    assert (made["pass_type_id"], made["team_id"]) == (PASS_TYPE, TEAM)
    assert made.keys() == {"pass_type_id", "team_id", "subject", "expires_at"}

    async def are_offered() -> bool:
        await browser.get(tickets)
        return bool(pass_links(browser))

    await eventually(are_offered)
    links = pass_links(browser)
    assert len(links) == 2
    answer = await browser.http.get(links[0])
    assert answer.headers["content-type"] == MEDIA_TYPE
    with ZipFile(BytesIO(answer.content)) as package:
        languages = {name.split(".")[0] for name in package.namelist() if ".lproj" in name}
        assert languages == {"fr", "en"}

    await museum.staff("DELETE", "/wallet-certificate", status=204)
    await browser.get(links[0], status=404)


async def test_a_cancelled_ticket_makes_no_pass(till: Till, browser: Browser):
    museum = await till.museum()
    await museum.staff("POST", "/wallet-certificate", wallet_certificate(), status=201)
    await bought(browser, museum, free="1")
    order_id = browser.path.rpartition("/")[2]
    (ticket,) = (await museum.staff("GET", f"/orders/{order_id}"))["tickets"]
    assert (await museum.ask("GET", f"/tickets/{ticket['id']}.pkpass", key=museum.admin_key)).status_code == 200
    await museum.staff("POST", f"/orders/{order_id}/cancellation", {})
    assert (await museum.ask("GET", f"/tickets/{ticket['id']}.pkpass", key=museum.admin_key)).status_code == 404
