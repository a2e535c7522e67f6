"""How often somebody may ask, and how often somebody may be wrong about who they are."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.addresses import household
from gateway.buckets import Limiter, Take, Verdict
from gateway.errors import RateLimited
from gateway.replies import Headers
from gateway.settings import Limits, Rate
from services.kit.errors import NotFound, Unauthenticated
from services.kit.principal import ANONYMOUS, Principal

READING = frozenset({"GET", "HEAD"})


class Admission:
    def __init__(self, limits: Limits, limiter: Limiter) -> None:
        self._limits = limits
        self._limiter = limiter

    async def admit(self, principal: Principal, address: str, method: str) -> Headers:
        """The headers that tell the caller what is left. Raises `RateLimited`."""
        name, rate = self._rate(principal, method)
        if rate.requests == 0:
            return ()
        # Who holds an order's link is a visitor too, but one whom the order itself tells apart from neighbours.
        who = household(address) if principal.actor == ANONYMOUS.actor else principal.actor
        verdict = await self._limiter.take(Take(f"{name}:{who}:{principal.establishment_id or '-'}", rate))
        headers = _headers(name, verdict)
        if not verdict.allowed:
            raise _refusal("This was one request too many.", verdict, headers)
        return headers

    def _rate(self, principal: Principal, method: str) -> tuple[str, Rate]:
        limits = self._limits
        visits = principal.actor == ANONYMOUS.actor or principal.actor.startswith("order:")
        if method in READING:
            return "read", limits.visitor_reads if visits else limits.key_reads
        return "write", limits.visitor_writes if visits else limits.key_writes


class _Line:
    """The tries of one address that run, and those that wait for them."""

    def __init__(self) -> None:
        self.users = 0
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def wake_one(self) -> None:
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class Try:
    """One use of a secret. `failed` decides whether it counts."""

    failed = False


class Tries:
    """Wrong keys, tokens and pairing codes of one address: at most `rate`.

    No more tries run at once than may still fail; the others wait their turn. So a thousand guesses sent together
    do not all slip through before the first of them has been counted.
    """

    def __init__(self, rate: Rate, limiter: Limiter) -> None:
        self._rate = rate
        self._limiter = limiter
        self._lines: dict[str, _Line] = {}

    @asynccontextmanager
    async def one(self, address: str) -> AsyncIterator[Try]:
        """Raises `RateLimited`. `Unauthenticated` and `NotFound` inside count as a failure."""
        attempt = Try()
        if self._rate.requests == 0:
            yield attempt
            return
        key = household(address)
        line = self._lines.setdefault(key, _Line())
        line.users += 1
        try:
            await self._enter(key, line)
            try:
                async with self._counted(key, attempt):
                    yield attempt
            finally:
                line.running -= 1
        finally:
            line.wake_one()
            line.users -= 1
            if not line.users:
                del self._lines[key]

    @asynccontextmanager
    async def _counted(self, key: str, attempt: Try) -> AsyncIterator[None]:
        try:
            yield
        except (Unauthenticated, NotFound):
            attempt.failed = True
            raise
        finally:
            if attempt.failed:
                await self._limiter.take(self._take(key))

    async def _enter(self, key: str, line: _Line) -> None:
        while True:
            verdict = await self._limiter.take(self._take(key, cost=0))
            if verdict.remaining < 1:
                raise _refusal("Too many wrong keys or tokens.", verdict, ())
            if line.running < verdict.remaining:
                line.running += 1
                return
            turn = asyncio.get_running_loop().create_future()
            line.waiting.append(turn)
            await turn

    def _take(self, key: str, cost: int = 1) -> Take:
        return Take(f"failed:{key}", self._rate, cost)


def _headers(name: str, verdict: Verdict) -> Headers:
    rate = verdict.rate
    return (
        (b"ratelimit-policy", f'"{name}";q={rate.requests};w={rate.seconds}'.encode()),
        (b"ratelimit", f'"{name}";r={verdict.remaining};t={verdict.full_after_seconds}'.encode()),
    )


def _refusal(detail: str, verdict: Verdict, headers: Headers) -> RateLimited:
    seconds = verdict.retry_after_seconds
    return RateLimited(f"{detail} Try again in {seconds} s.", headers=(*headers, (b"retry-after", b"%d" % seconds)))
