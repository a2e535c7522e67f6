import pytest

from tests.gateway.shop.street import READER, Page, Street

LANGUAGES = ["fr", "en", "de", "es", "it"]


def museum_paths(street: Street) -> list[str]:
    home = f"/{street.museum['slug']}"
    declarations = [f"{home}/accessibilite", f"{home}/ecoconception", f"{home}/mentions-legales"]
    offers = [street.offer(street.museum), street.offer(street.museum, 1)]
    return ["/", home, *offers, *declarations, offers[0].replace("/offers/", "/embed/")]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_is_sound_in_every_language(street: Street, language: str):
    for path in museum_paths(street):
        answer = await street.http.get(path, params={"lang": language}, headers=READER)
        page = Page(answer.text)

        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert page.all("html") == [{"lang": language}]
        assert page.headings.count(1) == 1, path
        assert page.headings[0] == 1
        assert all(deeper - before <= 1 for before, deeper in zip(page.headings, page.headings[1:], strict=False)), path
        assert len(page.ids) == len(set(page.ids)), path
        assert len(page.elements) < 300, path
        for image in page.all("img"):
            assert image["alt"] == ""
        for label in page.all("label"):
            assert "for" not in label or label["for"] in page.ids


async def test_every_link_of_the_pages_leads_somewhere(street: Street):
    seen: set[str] = set()
    for path in museum_paths(street):
        page = await street.page(path)
        targets = [*page.links, *(values["src"] for values in page.all("img") + page.all("script") if "src" in values)]
        for target in (link.partition("#")[0] for link in targets):
            if target and target.startswith("/") and target not in seen and not target.endswith("/order"):
                seen.add(target)
                assert (await street.http.get(target, headers=READER)).status_code == 200, target
    assert len(seen) > 30


async def test_pages_set_no_cookie_and_may_run_and_fetch_only_what_is_ours(street: Street):
    for path in museum_paths(street):
        headers = (await street.http.get(path, headers=READER)).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))

        assert "set-cookie" not in headers
        assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
        assert headers["cache-control"] in {"public, max-age=1", "private, max-age=1"}
        assert headers["vary"] == "accept-language, accept-encoding"
        assert headers["referrer-policy"] == "same-origin"


async def test_language_is_the_readers_unless_they_chose_another(street: Street):
    home = f"/{street.museum['slug']}"
    liked = await street.page(home, **{"accept-language": "it, fr;q=0.5"})
    chosen = await street.page(f"{home}?lang=de", **{"accept-language": "it"})
    unknown = await street.page(f"{home}?lang=xx", **{"accept-language": "pl"})

    assert [page.all("html")[0]["lang"] for page in (liked, chosen, unknown)] == ["it", "de", "fr"]
    assert f"{street.offer(street.museum)}?lang=de" in chosen.links
    assert street.offer(street.museum) in liked.links
    # Its own texts are French and English: a screen reader must know.
    assert chosen.all("h1") == [{"lang": "en"}]


async def test_page_that_did_not_change_is_not_sent_again(street: Street):
    path = f"/{street.castle['slug']}/mentions-legales"
    first = await street.http.get(path, headers=READER)
    second = await street.http.get(path, headers=READER | {"if-none-match": first.headers["etag"]})

    assert (second.status_code, second.content, second.headers["etag"]) == (304, b"", first.headers["etag"])


async def test_page_is_sent_as_it_is_to_who_reads_no_gzip(street: Street):
    path = f"/{street.museum['slug']}"
    zipped = await street.http.get(path, headers=READER | {"accept-encoding": "gzip"})
    plain = await street.http.get(path, headers=READER | {"accept-encoding": "identity"})

    assert (zipped.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    assert (zipped.text, len(zipped.text) > 2 * int(zipped.headers["content-length"])) == (plain.text, True)


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/offers/1", "/musee-des-horizons/offers/1", "/a/b/c/d"])
async def test_what_is_not_there_is_said_as_a_page_to_readers_and_as_a_problem_to_programs(street: Street, path: str):
    page = await street.page(path, status=404)
    program = await street.http.get(path)

    assert "Cette page n’existe pas" in page.text
    assert (program.status_code, program.json()["code"]) == (404, "not_found")


async def test_page_does_not_take_a_post(street: Street):
    answer = await street.http.post(street.offer(street.museum))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_head_is_answered_like_get_without_a_body(street: Street):
    answer = await street.http.head("/", headers=READER)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_establishment_page_shows_hours_access_contact_and_prices(street: Street):
    text = (await street.page(f"/{street.museum['slug']}")).text.replace("\N{NO-BREAK SPACE}", " ")

    for expected in ("Tous les jours, de 9 h à 19 h", "Tram 2", "+33 1 99 00 12 34", "Gratuit ou jusqu’à 15 €"):
        assert expected in text


async def test_logo_is_a_picture_that_can_do_nothing(street: Street):
    page = await street.page(f"/{street.museum['slug']}")
    path = page.all("img")[0]["src"]
    logo = await street.http.get(path)

    assert (logo.status_code, logo.headers["content-type"]) == (200, "image/svg+xml")
    assert logo.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'; sandbox")
    assert logo.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await street.http.get(f"/{street.castle['slug']}/logo/{path.rpartition('/')[2]}")).status_code == 404


async def test_search_engines_find_every_offer_and_no_order(street: Street):
    robots = (await street.http.get("/robots.txt")).text
    index = (await street.http.get("/sitemap.xml")).text
    whole = (await street.http.get(f"/{street.museum['slug']}/sitemap.xml")).text

    assert "Disallow: /*/order" in robots
    assert "Sitemap: http://tickets.example/sitemap.xml" in robots
    assert index.count("<loc>") == 3
    assert f"<loc>http://tickets.example{street.offer(street.museum, 1)}</loc>" in whole
    assert whole.count('hreflang="es"') == whole.count("<loc>") == 5


async def test_declaration_claims_no_more_than_an_audit_found(street: Street):
    path = f"/{street.theatre['slug']}/accessibilite"
    before = await street.page(path)
    audited = {
        "status": "partially_compliant",
        "audited_on": "2026-10-01",
        "auditor": "Cabinet d’essai",
        "compliance_percent": 87,
        "not_accessible": {"fr": "Le plan de salle."},
    }
    assert (await street.change(street.theatre, "/presentation", {"accessibility": audited})).status_code == 200
    after = await street.page_with(path, "conformité partielle")

    assert "Aucun audit n’a encore été réalisé" in before.text
    assert "Accessibilité\N{NO-BREAK SPACE}: non conforme" in before.text
    for expected in ("87", "Cabinet d’essai", "Le plan de salle.", "partiellement conforme"):
        assert expected in after.text
