import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.gateway.shop.street import READER, Page, Street

FAR = 40


def day_ahead(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


async def sell(street: Street, establishment: dict[str, Any], day: str, *quantities: int) -> list[dict[str, Any]]:
    """Holds so many places of the slots of that day, in their order."""
    api = f"/v1/establishments/{establishment['slug']}"
    offer = f"{api}/offers/{establishment['offer_ids'][0]}"
    slots: list[dict[str, Any]] = (await street.http.get(f"{offer}/availability?from={day}&until={day}")).json()[
        "slots"
    ]
    tariff = (await street.http.get(f"{offer}/tariffs")).json()["items"][0]["id"]
    for slot, quantity in zip(slots, quantities, strict=False):
        line = {"slot_id": slot["id"], "tariff_id": tariff, "quantity": quantity}
        answer = await street.http.post(
            f"{api}/orders", json={"lines": [line]}, headers={"idempotency-key": str(uuid4())}
        )
        assert answer.status_code == 201, answer.text
    return slots


def linked_data(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.partition('ld+json">')[2].partition("</script>")[0])
    return found


async def test_first_look_shows_a_day_with_room_and_its_times(street: Street):
    page = await street.page(street.offer(street.castle))
    chosen = [values for tag, values in page.elements if tag == "a" and values.get("aria-current") == "date"]

    assert [values["class"] for values in chosen] == ["available"]
    assert len(page.all("input", type="radio", name="slot_id")) >= 1


async def test_day_shows_its_times_with_what_remains_in_plain_words(street: Street):
    day = day_ahead(FAR)
    slots = await sell(street, street.castle, day, 12, 9, 11)
    page = await street.page(f"{street.offer(street.castle)}?day={day}")
    radios = page.all("input", type="radio")

    assert [values["value"] for values in radios] == [slot["id"] for slot in slots]
    assert [slot["id"] for slot, values in zip(slots, radios, strict=True) if "disabled" in values] == [slots[0]["id"]]
    text = page.text.replace("\N{NO-BREAK SPACE}", " ")
    for expected in ("10 hcomplet", "11 hplus que 3 places", "12 hplus que 1 place", "13 h"):
        assert expected in text


async def test_sold_out_day_offers_the_nearest_ones(street: Street):
    day = day_ahead(FAR + 1)
    await sell(street, street.castle, day, *[12] * 8)
    page = await street.page(f"{street.offer(street.castle)}?day={day}")

    assert "Ce jour est complet." in page.text
    assert page.all("form") == []
    assert [link for link in page.links if link.endswith(f"?day={day_ahead(FAR + 2)}#day")] != []
    marked = [values["aria-label"] for values in page.all("a", class_="sold_out")]
    assert len(marked) == 0 or all("complet" in label for label in marked)


async def test_form_says_what_it_orders_and_who_is_entitled(street: Street):
    page = await street.page(street.offer(street.museum))
    form = page.all("form")[0]
    hidden = {values["name"]: values["value"] for values in page.all("input", type="hidden")}
    numbers = page.all("input", type="number")

    assert (form["method"], form["action"]) == ("post", f"/{street.museum['slug']}/order")
    assert hidden["offer_id"] == street.museum["offer_ids"][0]
    assert [values["data-price"] for values in numbers] == ["1500", "1100", "0"]
    assert all(values["name"].startswith("quantity.") and values["value"] == "0" for values in numbers)
    assert all(values.get("aria-describedby", "") in {*page.ids, ""} for values in numbers)
    assert "Jusqu’à 25 ans." in page.text
    assert "Carte d’étudiant ou de chômeur" in page.text


async def test_slot_of_the_link_is_chosen(street: Street):
    day = day_ahead(FAR + 3)
    slots = await sell(street, street.castle, day)
    page = await street.page(f"{street.offer(street.castle)}?day={day}&slot={slots[2]['id']}")

    assert [values["value"] for values in page.all("input", type="radio") if "checked" in values] == [slots[2]["id"]]


async def test_open_offer_asks_for_no_time(street: Street):
    page = await street.page(f"{street.offer(street.museum, 1)}?day={day_ahead(3)}")

    assert page.all("input", type="radio") == []
    assert len(page.all("input", type="hidden", name="slot_id")) == 1
    assert "Valable toute la journée" in page.text


async def test_month_and_day_that_make_no_sense_are_passed_over(street: Street):
    plain = await street.page(street.offer(street.castle))
    for query in ("month=2026-99", "day=never", "day=1999-01-01", "month=9999-01&slot=x", "x=y", "day=%00"):
        page = await street.page(f"{street.offer(street.castle)}?{query}")
        assert page.headings == plain.headings, query


async def test_month_without_visits_says_so(street: Street):
    month = (datetime.now(UTC).date() + timedelta(days=200)).strftime("%Y-%m")
    page = await street.page(f"{street.offer(street.castle)}?month={month}")

    assert "Rien n’est en vente ce mois-ci" in page.text


async def test_machines_read_the_prices_and_the_day(street: Street):
    day = day_ahead(FAR + 4)
    answer = await street.http.get(f"{street.offer(street.castle)}?day={day}", headers=READER)
    linked = linked_data(answer.text)
    page = Page(answer.text)

    assert (linked["@type"], linked["startDate"][:10], linked["location"]["@type"]) == ("Event", day, "Place")
    assert [(offer["price"], offer["priceCurrency"]) for offer in linked["offers"]] == [
        ("13.00", "EUR"),
        ("7.00", "EUR"),
    ]
    canonical = f"http://tickets.example{street.offer(street.castle)}"
    assert page.all("link", rel="canonical")[0]["href"] == canonical
    assert page.all("meta", property="og:url")[0]["content"] == canonical


async def test_text_of_an_establishment_can_end_no_element(street: Street):
    nasty = {"fr": "</script><script>alert(1)</script> & <b>gras</b>"}
    assert (await street.change(street.theatre, "/presentation", {"about": nasty})).status_code == 200
    await street.page_with(f"/{street.theatre['slug']}", nasty["fr"])
    answer = await street.http.get(f"/{street.theatre['slug']}", headers=READER)

    assert "<script>alert" not in answer.text
    assert linked_data(answer.text)["description"] == nasty["fr"]


async def test_calendar_may_be_framed_by_allowed_sites_only(street: Street):
    path = street.offer(street.museum).replace("/offers/", "/embed/")
    embedded = await street.http.get(path, headers=READER)
    whole = await street.http.get(street.offer(street.museum), headers=READER)
    page = Page(embedded.text)

    assert "frame-ancestors https://musee-des-horizons.example" in embedded.headers["content-security-policy"]
    assert whole.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    assert page.all("form")[0]["target"] == "_top"
    assert all(link.startswith(f"{path}?") for link in page.links)


async def test_script_for_other_sites_keeps_its_name_and_may_be_loaded_there(street: Street):
    script = await street.http.get("/embed.js")

    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "/embed/" in script.text
