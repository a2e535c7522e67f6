"""An offer's calendar within an establishment's own site."""

from playwright.async_api import Route, expect

from tests.browser.shopper import Shopper

SITE, OTHER_SITE = "https://museum.example", "https://stranger.example"


async def test_calendar_in_the_site_of_the_establishment(shopper: Shopper):
    page, museum = shopper.page, shopper.museum
    await museum.staff("PATCH", "/presentation", {"allowed_origins": [SITE]})
    script = f'<script src="{museum.house.url}/embed.js" data-offer="{museum.slug}/{museum.offer_id}"></script>'
    body = f"<!doctype html><title>A museum</title><h1>Visit us</h1>{script}"

    async def answer(route: Route) -> None:
        await route.fulfill(body=body, content_type="text/html")

    for site in (SITE, OTHER_SITE):
        await page.context.route(f"{site}/**", answer)
    await page.goto(SITE)
    frame = page.frame_locator("iframe")
    await expect(frame.get_by_role("heading", level=1)).to_have_text("Visit")
    await expect(frame.locator("main")).to_be_visible()
    await frame.get_by_role("radio").first.check(force=True)
    await frame.get_by_label("Gratuit", exact=True).fill("1")
    await frame.get_by_role("button", name="Add to my order").click()
    await shopper.reads("Your order")
    assert page.url.startswith(shopper.home)
    await page.goto(OTHER_SITE)
    await expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_have_count(0)
    assert [fault for fault in shopper.faults if "frame-ancestors" in fault] != []
    shopper.faults.clear()
