"""The pages a visitor pays on: plain HTML that works without JavaScript."""

import base64
import hashlib
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from parvis.stand_in.stripe.books import Books
from parvis.stand_in.stripe.calls import AnyRequest, Desk
from parvis.stand_in.stripe.cards import CARDS_BY_NUMBER, GOOD_CARD, card_of_number
from parvis.stand_in.stripe.checkout import authenticate_payment, pay_session, payment_of, session_by_id
from parvis.stand_in.stripe.errors import StripeProblem, missing_resource
from parvis.stand_in.stripe.hosted_texts import LISTED_CARDS, TEXTS, choose_language, failure_text
from parvis.stand_in.stripe.money import format_amount
from parvis.stand_in.stripe.objects import CheckoutSession, PaymentIntent

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No form-action: browsers apply it to the redirect after the form too, and that one leads to the shop.
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@get("/c/pay/{session_id:str}")
async def show_payment(
    request: AnyRequest, session_id: FromPath[str], desk: Desk, card: FromQuery[str | None] = None
) -> Response[str]:
    desk.tidy()
    try:
        session = session_by_id(desk.books, session_id)
    except StripeProblem:
        return _show_unknown(request)
    language = _language(request, session)
    if session.status == "complete":
        return _show_message("complete", language, _success_url(session))
    if session.status == "expired":
        return _show_message("expired", language, session.order.cancel_url)
    return _show("pay.html", language, _payment_page(desk.books, session, language, card))


@post("/c/pay/{session_id:str}")
async def pay(request: AnyRequest, session_id: FromPath[str], desk: Desk) -> Redirect:
    form = parse_qs((await request.body()).decode(errors="replace"))
    try:
        session = session_by_id(desk.books, session_id)
        card = card_of_number(form.get("card", [""])[0])
        intent = pay_session(desk.books, session, card, email=form.get("email", [None])[0])
    except StripeProblem:
        # Paid or expired meanwhile, perhaps by a second click: the page itself says which.
        return _see_other(f"/c/pay/{session_id}")
    finally:
        desk.finish()
    if intent.status == "requires_action":
        return _see_other(f"/c/authentication/{intent.id}")
    return _see_other(_after(desk.books, intent))


@get("/c/authentication/{intent_id:str}")
async def show_authentication(request: AnyRequest, intent_id: FromPath[str], desk: Desk) -> Response[str]:
    intent = desk.books.intents.get(intent_id)
    if intent is None:
        return _show_unknown(request)
    session = desk.books.sessions.get(intent.checkout_session or "")
    language = _language(request, session)
    if intent.status != "requires_action":
        return _see_other(_after(desk.books, intent))
    total = format_amount(intent.order.amount, intent.order.currency, language)
    return _show("authentication.html", language, {"total": total, "path": request.url.path})


@post("/c/authentication/{intent_id:str}")
async def answer_authentication(request: AnyRequest, intent_id: FromPath[str], desk: Desk) -> Redirect:
    form = parse_qs((await request.body()).decode(errors="replace"))
    intent = desk.books.intents.get(intent_id)
    if intent is None:
        raise missing_resource("payment_intent", intent_id)
    if intent.status == "requires_action":
        authenticate_payment(desk.books, intent, authorised=form.get("answer") == ["authorise"])
        desk.finish()
    return _see_other(_after(desk.books, intent))


def create_hosted_router() -> Router:
    return Router("/", route_handlers=[show_payment, pay, show_authentication, answer_authentication])


def _after(books: Books, intent: PaymentIntent) -> str:
    """Where the visitor goes on: to the shop when paid, else back to the page, which says why."""
    session = books.sessions.get(intent.checkout_session or "")
    if session is None:
        return intent.order.return_url or f"/c/pay/{intent.id}"
    return _success_url(session) if session.status == "complete" else f"/c/pay/{session.id}"


def _success_url(session: CheckoutSession) -> str:
    return session.order.success_url.replace("{CHECKOUT_SESSION_ID}", session.id)


def _payment_page(books: Books, session: CheckoutSession, language: str, card: str | None) -> dict[str, object]:
    order = session.order
    currency = order.intent.currency
    intent = payment_of(books, session)
    failure = intent.failure if intent else None
    number = card if card in CARDS_BY_NUMBER else GOOD_CARD.number
    return {
        "lines": [
            {
                "name": item.name,
                "description": item.description,
                "quantity": item.quantity,
                "unit_price": format_amount(item.unit_amount, currency, language),
                "amount": format_amount(item.amount, currency, language),
            }
            for item in order.line_items
        ],
        "total": format_amount(order.intent.amount, currency, language),
        "failure": failure_text(failure, language) if failure else None,
        "asks_email": order.customer_email is None,
        "email": order.customer_email,
        "card": _grouped(number),
        "samples": [
            {
                "number": sample,
                "grouped": _grouped(sample),
                "outcome": TEXTS[language][sample],
                "chosen": sample == number,
            }
            for sample in LISTED_CARDS
        ],
        "path": f"/c/pay/{session.id}",
        "cancel_url": order.cancel_url,
    }


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _language(request: AnyRequest, session: CheckoutSession | None) -> str:
    accepted = request.headers.get("accept-language", "")
    return choose_language(session.order.locale if session else None, accepted)


def _show_message(kind: str, language: str, link: str | None, *, status: int = 200) -> Response[str]:
    texts = TEXTS[language]
    values: dict[str, object] = {"title": texts[f"{kind}_title"], "text": texts[f"{kind}_text"], "link": link}
    return _show("message.html", language, values, status=status)


def _show_unknown(request: AnyRequest) -> Response[str]:
    return _show_message("unknown", _language(request, None), None, status=404)


def _show(template: str, language: str, values: dict[str, object], *, status: int = 200) -> Response[str]:
    page = _ENVIRONMENT.get_template(template).render(values, texts=TEXTS[language], style=_STYLE)
    headers = {**_HEADERS, "Content-Language": language}
    return Response(page, status_code=status, headers=headers, media_type="text/html")


def _see_other(path: str) -> Redirect:
    return Redirect(path, status_code=303)
