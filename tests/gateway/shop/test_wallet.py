from io import BytesIO
from zipfile import ZipFile

import jwt

from tests.certificates import PASS_TYPE, TEAM, google_wallet, rsa_key, wallet_certificate
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


def google_links(browser: Browser) -> list[str]:
    return [link["href"] for link in browser.page.all("a") if link["href"].endswith("/google-wallet")]


async def test_google_is_offered_only_where_an_establishment_chose_it(till: Till, browser: Browser):
    museum = await till.museum()
    await bought(browser, museum, free="2")
    tickets = f"{browser.path}/tickets"
    await browser.get(tickets)
    assert google_links(browser) == []
    assert "Google" not in browser.page.text
    refused = await museum.ask(
        "POST", "/google-wallet", google_wallet() | {"private_key_pem": "x"}, key=museum.admin_key
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/private_key_pem")

    made = await museum.staff("POST", "/google-wallet", google_wallet(), status=201)
    assert made == await museum.staff("GET", "/google-wallet")
    assert made.keys() == {"issuer_id", "service_account_email", "created_at"}

    async def is_offered() -> bool:
        await browser.get(tickets)
        return bool(google_links(browser))

    await eventually(is_offered)
    assert "outside of the European Union" in browser.page.text
    links = google_links(browser)
    assert len(links) == 2
    answer = await browser.http.get(links[0], follow_redirects=False)
    assert answer.status_code == 303
    token = answer.headers["location"].removeprefix("https://pay.google.com/gp/v/save/")
    told = jwt.decode(token, rsa_key("museum").public_key(), ["RS256"], audience="google")
    (event,), (ticket,) = told["payload"].values()
    assert ticket["classId"] == event["id"]
    assert [name for name in ("Lovelace", "ada@") if name in str(told)] == []

    await museum.staff("DELETE", "/google-wallet", status=204)
    await browser.get(links[0], status=404)


async def test_a_cancelled_ticket_does_not_go_to_google(till: Till, browser: Browser):
    museum = await till.museum()
    await museum.staff("POST", "/google-wallet", google_wallet(), status=201)
    await bought(browser, museum, free="1")
    order_id = browser.path.rpartition("/")[2]
    (ticket,) = (await museum.staff("GET", f"/orders/{order_id}"))["tickets"]
    link = f"/tickets/{ticket['id']}/google-wallet"
    assert (await museum.ask("GET", link, key=museum.admin_key)).status_code == 303
    await museum.staff("POST", f"/orders/{order_id}/cancellation", {})
    assert (await museum.ask("GET", link, key=museum.admin_key)).status_code == 404
