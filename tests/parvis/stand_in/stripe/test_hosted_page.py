import base64
import hashlib
import re

import httpx
import pytest

from tests.parvis.stand_in.stripe.shop import Receiver, StandIn, open_session

# The SDK hands its body to httpx in a way that httpx 0.28 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_page_shows_what_is_paid_for_and_how(stand_in: StandIn):
    session = await open_session(stand_in.sdk())
    page = await stand_in.control.get(str(session.url))

    assert page.headers["content-language"] == "fr"
    assert '<html lang="fr">' in page.text
    assert "aucun argent ne circule" in page.text
    assert "Plein tarif – Été" in page.text
    assert "30,00\u00a0€" in page.text
    assert 'value="4242 4242 4242 4242"' in page.text
    assert 'href="http://127.0.0.1:9/panier"' in page.text
    assert re.findall(r"\?card=(\d+)", page.text) == [
        "4242424242424242",
        "4000000000000002",
        "4000000000009995",
        "4000002760003184",
    ]


async def test_page_speaks_the_browser_language_when_the_session_leaves_it_open(stand_in: StandIn):
    session = await open_session(stand_in.sdk(), locale="auto")
    page = await stand_in.control.get(str(session.url), headers={"Accept-Language": "en-GB,fr;q=0.5"})
    assert '<html lang="en">' in page.text
    assert "€30.00" in page.text


async def test_page_escapes_what_the_shop_wrote(stand_in: StandIn):
    line = {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 100, "product_data": {"name": "<b>&"}}}
    session = await open_session(stand_in.sdk(), line_items=[line])
    page = await stand_in.control.get(str(session.url))
    assert "&lt;b&gt;&amp;" in page.text
    assert "<b>" not in page.text


async def test_policy_lets_the_style_through_and_nothing_else(stand_in: StandIn):
    session = await open_session(stand_in.sdk())
    page = await stand_in.control.get(str(session.url))
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    fingerprint = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{fingerprint}'; base-uri 'none'"
    assert page.headers["content-security-policy"] == policy


async def test_paying_leads_back_to_the_shop_and_tells_it(stand_in: StandIn, receiver: Receiver):
    session = await open_session(stand_in.sdk())
    paid = await _submit(stand_in, str(session.url), card="4242 4242 4242 4242")
    assert _place(paid) == f"http://127.0.0.1:9/merci?session={session.id}"
    await receiver.wait_for(2)
    assert receiver.types() == ["payment_intent.succeeded", "checkout.session.completed"]

    again = await stand_in.control.get(str(session.url))
    assert "Ce paiement est déjà fait" in again.text
    twice = await _submit(stand_in, str(session.url), card="4242 4242 4242 4242")
    assert _place(twice) == f"/c/pay/{session.id}"
    assert (await stand_in.truth())["captured_minor"] == 3000


async def test_declined_card_is_explained_and_another_one_taken(stand_in: StandIn):
    session = await open_session(stand_in.sdk())
    url = str(session.url)
    declined = await _submit(stand_in, url, card="4000000000000002")
    assert _place(declined) == f"/c/pay/{session.id}"
    page = await stand_in.control.get(url)
    assert 'role="alert"' in page.text
    assert "Votre carte a été refusée" in page.text

    await _submit(stand_in, url, card="4242424242424241")
    assert "Ce numéro de carte n’est pas valable" in (await stand_in.control.get(url)).text
    paid = await _submit(stand_in, url, card="4242424242424242")
    assert _place(paid).startswith("http://127.0.0.1:9/merci")


async def test_chosen_sample_card_fills_the_field(stand_in: StandIn):
    session = await open_session(stand_in.sdk())
    page = await stand_in.control.get(f"{session.url}?card=4000000000009995")
    assert 'value="4000 0000 0000 9995"' in page.text
    assert page.text.count('aria-current="true"') == 1


async def test_real_card_number_is_neither_taken_nor_kept(stand_in: StandIn):
    session = await open_session(stand_in.sdk())
    await _submit(stand_in, str(session.url), card="4111 1111 1111 1111")
    page = await stand_in.control.get(str(session.url))
    assert "Cette carte n’est pas une carte d’essai" in page.text
    assert "4111" not in page.text


async def test_authentication_page_takes_both_answers(stand_in: StandIn):
    session = await open_session(stand_in.sdk())
    asked = await _submit(stand_in, str(session.url), card="4000002760003184")
    page = await stand_in.control.get(_place(asked))
    assert "Autoriser" in page.text
    assert "Refuser" in page.text

    refused = await _submit(stand_in, _place(asked), answer="refuse")
    assert _place(refused) == f"/c/pay/{session.id}"
    assert "Le paiement n’a pas été confirmé" in (await stand_in.control.get(str(session.url))).text

    asked = await _submit(stand_in, str(session.url), card="4000002760003184")
    authorised = await _submit(stand_in, _place(asked), answer="authorise")
    assert _place(authorised) == f"http://127.0.0.1:9/merci?session={session.id}"


async def test_expired_page_leads_back_to_the_shop(stand_in: StandIn):
    sdk = stand_in.sdk()
    session = await open_session(sdk)
    await sdk.v1.checkout.sessions.expire_async(session.id)
    page = await stand_in.control.get(str(session.url))
    assert "Cette page de paiement a expiré" in page.text
    assert 'href="http://127.0.0.1:9/panier"' in page.text


async def test_missing_email_is_asked_for(stand_in: StandIn):
    sdk = stand_in.sdk()
    session = await open_session(sdk, customer_email=None)
    assert 'type="email"' in (await stand_in.control.get(str(session.url))).text
    await _submit(stand_in, str(session.url), card="4242424242424242", email="grace@example.org")
    paid = await sdk.v1.checkout.sessions.retrieve_async(session.id)
    assert paid.customer_details is not None
    assert paid.customer_details.email == "grace@example.org"


async def test_unknown_page_is_a_page(stand_in: StandIn):
    page = await stand_in.control.get("/c/pay/cs_test_nothing")
    assert page.status_code == 404
    assert "Unknown payment page" in page.text


async def _submit(stand_in: StandIn, address: str, **fields: str) -> httpx.Response:
    response = await stand_in.control.post(address, data=fields)
    assert response.status_code == 303
    return response


def _place(response: httpx.Response) -> str:
    return response.headers["location"]
