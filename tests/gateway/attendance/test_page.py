"""The attendance page as whoever has no JavaScript uses it: a key, a session, a page, a sheet."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.gateway.attendance.conftest import SAME_ORIGIN, Watched
from tests.gateway.shop.street import Page
from tests.journeys.visitor import buy, line

PARIS = ZoneInfo("Europe/Paris")


async def test_a_key_becomes_a_session_that_does_not_hold_it(watched: Watched):
    async with watched.reader() as reader:
        assert "Key of the establishment" in (await reader.get("/attendance")).text
        answer = await reader.post("/attendance", data={"key": f" {watched.reports}\n"}, headers=SAME_ORIGIN)
        cookie = answer.headers["set-cookie"]
        assert cookie.endswith("; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax")
        assert watched.reports not in cookie
        assert watched.reports_id not in cookie
        page = await reader.get("/attendance")
        assert page.status_code == 200
        assert "Museum of Trials" in page.text
        assert watched.reports not in page.text


async def test_page_shows_who_came(watched: Watched):
    museum = watched.museum
    slot = (await museum.slots())[0]
    order = await buy(museum, line(slot, museum.free_id, 3))
    for ticket in order.tickets[:2]:
        await museum.scan(ticket.code)
    await museum.scan(order.tickets[0].code)
    async with watched.signed_in() as reader:
        today = await reader.get("/attendance")
        assert '<b data-number="admitted">2</b>' in today.text
        assert '<b data-number="refused">1</b>' in today.text
        assert today.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert " style=" not in today.text
        day = slot.starts_at.astimezone(PARIS).date()
        other = await reader.get(f"/attendance?date={day + timedelta(days=40)}&lang=fr")
        assert "Personne n’est attendu ce jour" in other.text
        assert f"/attendance?date={day + timedelta(days=41)}&amp;lang=fr" in other.text
        sheet = await reader.get(f"/attendance/sheet.csv?date={day}")
        assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
        assert sheet.headers["content-disposition"] == f'attachment; filename="attendance-{day}.csv"'
        assert sheet.text.lstrip("\ufeff").startswith("row,name,from,until,expected,")


async def test_conflicts_are_listed_with_both_times(watched: Watched):
    museum = watched.museum
    order = await buy(museum, line((await museum.slots())[0], museum.free_id))
    at = datetime.now(PARIS).replace(microsecond=0)
    scans = [
        {
            "id": f"019a0000-0000-7000-8000-00000000000{number}",
            "code": order.tickets[0].code,
            "gate_id": str(gate_id),
            "scanned_at": (at - timedelta(seconds=number)).isoformat(),
            "outcome": "admitted",
        }
        for number, gate_id in ((1, museum.gate_id), (2, museum.second_gate_id))
    ]
    await museum.staff("POST", "/scans/batch", {"sent_at": at.isoformat(), "scans": scans, "undos": []})
    async with watched.signed_in() as reader:
        text = Page((await reader.get("/attendance")).text).text
    first, copy = (f"{at - timedelta(seconds=seconds):%H:%M}" for seconds in (2, 1))
    assert f"{copy} Ticket 1: already admitted at {first}, Jardin" in " ".join(text.split())


@pytest.mark.parametrize("key", ["", "pvs_live_nonsense", "x" * 5_000, "é\0"])
async def test_a_wrong_key_is_told_beside_the_field(watched: Watched, key: str):
    async with watched.reader() as reader:
        answer = await reader.post("/attendance", data={"key": key}, headers=SAME_ORIGIN)
    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers
    assert "This key is not valid" in answer.text


async def test_other_keys_open_nothing(watched: Watched):
    house = watched.museum.house
    orders = (await watched.museum.make_key("orders:read", "entry:scan"))["secret"]
    async with watched.reader() as reader:
        for key in (orders, house.operator_key):
            answer = await reader.post("/attendance", data={"key": key}, headers=SAME_ORIGIN)
            assert (answer.status_code, "set-cookie" in answer.headers) == (422, False)
            assert "it needs the scope reports:read" in answer.text
        admin = await reader.post("/attendance", data={"key": watched.museum.admin_key}, headers=SAME_ORIGIN)
        assert admin.status_code == 303


async def test_other_sites_cannot_sign_anybody_in_or_out(watched: Watched):
    async with watched.signed_in() as reader:
        for path in ("/attendance", "/attendance/sign-out"):
            for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
                answer = await reader.post(path, data={"key": watched.reports}, headers=headers)
                assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_session_opens_the_attendance_and_nothing_else(watched: Watched):
    base = f"/v1/establishments/{watched.museum.slug}"
    async with watched.signed_in() as reader:
        for path in ("/attendance", "/orders", "/api-keys", "/events"):
            assert (await reader.get(base + path)).status_code == 401
        stolen = next(iter(reader.cookies.values()))
    for changed in (stolen[:-8] + "AAAAAAA=", "AAAA", "é", ""):
        async with watched.reader() as reader:
            page = await reader.get("/attendance", headers={"cookie": f"parvis-attendance={changed}".encode()})
            assert "Key of the establishment" in page.text


async def test_signing_out_ends_the_session_here(watched: Watched):
    async with watched.signed_in() as reader:
        answer = await reader.post("/attendance/sign-out", headers=SAME_ORIGIN)
        assert (answer.status_code, answer.headers["location"]) == (303, "/attendance")
        assert "Key of the establishment" in (await reader.get("/attendance")).text
        assert (await reader.get("/attendance/sheet.csv")).headers["location"] == "/attendance"


async def test_a_revoked_key_ends_its_session(watched: Watched):
    async with watched.signed_in() as reader:
        await watched.museum.staff("DELETE", f"/api-keys/{watched.reports_id}", status=204)
        # A good key is remembered for a second.
        deadline = datetime.now(PARIS) + timedelta(seconds=3)
        answer = await reader.get("/attendance")
        while "Your session is over" not in answer.text:
            assert datetime.now(PARIS) < deadline
            answer = await reader.get("/attendance")
        assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_other_paths_and_methods_are_refused(watched: Watched):
    async with watched.signed_in() as reader:
        got = {
            (method, path): (await reader.request(method, path, headers=SAME_ORIGIN)).status_code
            for method, path in (
                ("GET", "/attendance/other"),
                ("GET", "/attendance/static/attendance.css"),
                ("PUT", "/attendance"),
                ("GET", "/attendance/sign-out"),
                ("POST", "/attendance/stream"),
            )
        }
    assert list(got.values()) == [404, 404, 405, 405, 405]


async def test_first_visit_is_light(watched: Watched):
    async with watched.signed_in() as reader:
        answer = await reader.get("/attendance")
        page = Page(answer.text)
        parts = [values["src"] for values in page.all("script")]
        parts += [values["href"] for values in page.all("link", rel="stylesheet") + page.all("link", rel="icon")]
        answers = [answer, *[await reader.get(path) for path in parts]]
    assert [one.status_code for one in answers] == [200] * 5
    assert sum(int(one.headers["content-length"]) for one in answers) <= 20_000
