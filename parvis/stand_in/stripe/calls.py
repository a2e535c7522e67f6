"""What every API call goes through: who calls, which parameters, faults, idempotency, then the operation."""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency

from parvis.stand_in.stripe.books import Books, new_id
from parvis.stand_in.stripe.checkout import expire_overdue_sessions
from parvis.stand_in.stripe.errors import JsonObject, StripeProblem
from parvis.stand_in.stripe.faults import FaultPlan, MetFaults, lost_answer
from parvis.stand_in.stripe.forms import Form, parse_form
from parvis.stand_in.stripe.idempotency import IdempotencyDesk, KeyedCall
from parvis.stand_in.stripe.settings import StripeStandInSettings
from parvis.stand_in.stripe.webhooks import Dispatcher

AnyRequest: TypeAlias = Request[Any, Any, Any]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    books: Books
    account: str
    form: Form
    object_id: str
    """The id in the path, if there is one."""
    page_url: str
    """Where the hosted pages are reached, without a slash at the end."""


Operation: TypeAlias = Callable[[Call], JsonObject]


class CallDesk:
    def __init__(self, books: Books, dispatcher: Dispatcher, settings: StripeStandInSettings) -> None:
        self.books = books
        self.dispatcher = dispatcher
        self.faults = FaultPlan()
        self.idempotency = IdempotencyDesk(books)
        self.webhook_secret = settings.webhook_secret
        self._public_url = settings.public_url

    async def answer(self, request: AnyRequest, operation: Operation) -> Response[str]:
        replayed = False
        try:
            account = self._account(request)
            pairs = await _pairs(request)
            call = self._call(request, account, pairs)
            met = self.faults.meet(request.method, request.url.path)
            keyed = _keyed_call(request, account, pairs)
            kept = None if keyed is None else self.idempotency.begin(keyed)
            if kept is not None:
                replayed, status, body = True, kept.http_status, kept.body
            else:
                status, body = await self._perform(call, operation, keyed, met)
            if met.fails_after_effect:
                raise lost_answer()
        except StripeProblem as problem:
            status, body = problem.status, encode(problem.body())
        headers = {"Request-Id": new_id("req_", 14)}
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(body, status_code=status, headers=headers, media_type="application/json")

    def finish(self) -> None:
        """To be called after every change: writes the books and sends the news."""
        self.dispatcher.dispatch(self.books.take_fresh_events())
        self.books.journal.flush()

    def tidy(self) -> None:
        """What the passing of time does: sessions end, old answers are forgotten."""
        expire_overdue_sessions(self.books)
        self.idempotency.forget_old_answers()
        self.finish()

    async def _perform(
        self, call: Call, operation: Operation, keyed: KeyedCall | None, met: MetFaults
    ) -> tuple[int, str]:
        kept: tuple[int, str] | None = None
        try:
            await asyncio.sleep(met.delay_seconds)
            if met.fails_before_effect:
                raise lost_answer()
            kept = _run(call, operation)
            return kept
        finally:
            if keyed is not None:
                self.idempotency.end(keyed, kept)
            self.finish()

    def _account(self, request: AnyRequest) -> str:
        key = _secret_key(request.headers.get("authorization", ""))
        named = request.headers.get("stripe-account")
        if named is None:
            return self.books.open_account(account_of_key(key), connected=False).id
        if not named.startswith("acct_"):
            message = f"The provided key does not have access to account '{named}' (or that account does not exist)."
            raise StripeProblem(403, "invalid_request_error", message, details={"code": "account_invalid"}, final=False)
        return self.books.open_account(named, connected=True).id

    def _call(self, request: AnyRequest, account: str, pairs: list[tuple[str, str]]) -> Call:
        page_url = self._public_url or str(request.base_url)
        object_id = str(request.path_params.get("object_id", ""))
        form = Form(parse_form(pairs))
        return Call(books=self.books, account=account, form=form, object_id=object_id, page_url=page_url.rstrip("/"))


Desk: TypeAlias = NamedDependency[CallDesk]
"""How handlers ask for the desk."""


def _run(call: Call, operation: Operation) -> tuple[int, str]:
    """Refusals of the operation itself are kept for the Idempotency-Key like any other answer."""
    try:
        return 200, encode(operation(call))
    except StripeProblem as problem:
        if not problem.final:
            raise
        return problem.status, encode(problem.body())


def encode(body: JsonObject) -> str:
    return msgspec.json.encode(body).decode()


def account_of_key(secret_key: str) -> str:
    """Each secret key has an account of its own, which a Stripe-Account header may leave for a connected one."""
    return "acct_1" + hashlib.sha256(secret_key.encode()).hexdigest()[:15]


def _secret_key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        credentials = _basic_user(credentials)
    elif scheme.lower() != "bearer":
        credentials = ""
    if credentials.startswith("sk_test_") and len(credentials) > len("sk_test_"):
        return credentials
    if credentials:
        message = f"Invalid API Key provided: {credentials[:8]}****"
    else:
        message = "You did not provide an API key. Send 'Authorization: Bearer YOUR_SECRET_KEY'."
    raise StripeProblem(401, "invalid_request_error", message, final=False)


def _basic_user(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _pairs(request: AnyRequest) -> list[tuple[str, str]]:
    """Parameters stand in the query of a GET and in the body of a POST; Stripe reads both for a POST."""
    query = request.scope["query_string"]
    body = await request.body() if request.method == "POST" else b""
    return [pair for text in (query, body) for pair in parse_qsl(text.decode(errors="replace"), keep_blank_values=True)]


def _keyed_call(request: AnyRequest, account: str, pairs: list[tuple[str, str]]) -> KeyedCall | None:
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return None
    return KeyedCall(account, key, request.url.path, pairs)
