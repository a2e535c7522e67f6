"""Is this process able to serve?"""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from litestar.types import ASGIApp

from gateway.replies import Reply, ask
from services.kit.errors import Refused, Unavailable
from services.ticketing.contract import Authenticate, Ticketing

log = structlog.get_logger()

# No establishment has such a slug; looking for it takes one trip to the database and returns nothing.
NOBODY = Authenticate(establishment="-", credential=None)
REMEMBERED_SECONDS = 1
NOT_FOUND = 404

LIVE = Reply(status=200, body=b'{"status":"alive"}')
READY = Reply(status=200, body=b'{"status":"ready"}')


class Readiness:
    """Asked by anybody as often as they like, it looks once a second."""

    def __init__(
        self,
        ticketing: Ticketing,
        upstreams: Mapping[str, ASGIApp],
        *,
        timeout_seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._ticketing = ticketing
        self._upstreams = upstreams
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._lock = asyncio.Lock()
        self._fresh_until = float("-inf")
        self._missing: str | None = None

    async def reply(self) -> Reply:
        """Raises `Unavailable` with what is missing."""
        async with self._lock:
            if self._now() >= self._fresh_until:
                self._missing = await self._look()
                self._fresh_until = self._now() + REMEMBERED_SECONDS
        if self._missing is not None:
            raise Unavailable(self._missing)
        return READY

    async def _look(self) -> str | None:
        looks = {"The database": self._ticketing_answers()}
        looks |= {f"The service {name}": _is_ready(app) for name, app in self._upstreams.items()}
        answers = await asyncio.gather(
            *(asyncio.wait_for(look, self._timeout_seconds) for look in looks.values()), return_exceptions=True
        )
        for name, answer in zip(looks, answers, strict=True):
            if answer is not True:
                log.warning("not_ready", missing=name, cause=repr(answer))
                return f"{name} does not answer."
        return None

    async def _ticketing_answers(self) -> bool:
        try:
            await self._ticketing.authenticate(NOBODY)
        except Refused:
            return True
        return True


async def _is_ready(app: ASGIApp) -> bool:
    """A service that says nothing about itself is ready when it can say so."""
    return (await ask(app, "/readyz")).status in {200, NOT_FOUND}
