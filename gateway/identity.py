"""Who asks: from a credential to a principal, remembered for a moment."""

import asyncio
import re
from collections.abc import Callable, Iterable
from urllib.parse import parse_qsl, urlencode

import msgspec

from services.kit.errors import Refused, Unauthenticated
from services.kit.principal import ANONYMOUS, Principal
from services.ticketing.contract import Authenticate, Ticketing

BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]{1,2048})")
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,2048}")
# Ten minutes after it was last seen valid, a credential is a stranger's again.
FAMILIAR_SECONDS = 600


def credential_in_header(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Raises `Unauthenticated` for anything but `Bearer` with one token."""
    for name, value in headers:
        if name == b"authorization":
            match = BEARER.fullmatch(value.strip())
            if match is None:
                raise Unauthenticated("Send a key as Authorization: Bearer pvs_…")
            return match.group(1).decode()
    return None


def credential_in_query(query: bytes) -> tuple[str | None, bytes]:
    """The `token` of an order's link, and the query without it: services and their logs need not see it."""
    if b"token=" not in query:
        return None, query
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    tokens = [value for name, value in pairs if name == "token"]
    if not tokens:
        return None, query
    rest = urlencode([pair for pair in pairs if pair[0] != "token"]).encode()
    if not TOKEN.fullmatch(tokens[0]):
        raise Unauthenticated("This token is not valid.")
    return tokens[0], rest


class _Known(msgspec.Struct):
    principal: Principal
    fresh_until: float
    familiar_until: float


class Identities:
    """Asks ticketing who somebody is. Only positive answers are remembered, and only for `seconds`.

    The same question is asked once at a time, however many wait for the answer: when a sale opens, ten thousand
    visitors without a credential are one question a second.
    """

    def __init__(self, ticketing: Ticketing, *, seconds: float, size: int, now: Callable[[], float]) -> None:
        """`now` in seconds, from any beginning."""
        self._ticketing = ticketing
        self._seconds = min(seconds, 2.0)
        self._size = size
        self._now = now
        self._known: dict[Authenticate, _Known] = {}
        self._running: dict[Authenticate, asyncio.Task[Principal]] = {}

    def remembered(self, question: Authenticate) -> Principal | None:
        if question.establishment is None and question.credential is None:
            return ANONYMOUS
        known = self._known.get(question)
        return known.principal if known is not None and known.fresh_until > self._now() else None

    def is_familiar(self, question: Authenticate) -> bool:
        """Was this right lately? Then asking again is no guess."""
        known = self._known.get(question)
        return known is not None and known.familiar_until > self._now()

    async def principal(self, question: Authenticate) -> Principal:
        """Raises what `Ticketing.authenticate` raises."""
        running = self._running.get(question)
        if running is None:
            running = self._running[question] = asyncio.create_task(self._ask(question))
            running.add_done_callback(lambda task: self._asked(question, task))
        # One caller that goes away must not take the answer from the others.
        return await asyncio.shield(running)

    async def _ask(self, question: Authenticate) -> Principal:
        asked_at = self._now()
        try:
            principal = await self._ticketing.authenticate(question)
        except Refused:
            self._known.pop(question, None)
            raise
        self._known.pop(question, None)
        if len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[question] = _Known(principal, asked_at + self._seconds, asked_at + FAMILIAR_SECONDS)
        return principal

    def _asked(self, question: Authenticate, task: asyncio.Task[Principal]) -> None:
        del self._running[question]
        if not task.cancelled():
            task.exception()  # looked at here, so that nobody is warned when every caller went away
