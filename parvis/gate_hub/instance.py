"""The instance, as the hub reaches it over the internet: as any scanner does, with a device token."""

from importlib.metadata import version
from time import monotonic
from typing import Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec

from parvis.errors import CannotProceed
from parvis.gate_hub.kept import Place
from services.kit.errors import Problem
from services.ticketing.entry.passes.views import EntryPass
from services.ticketing.entry.requests import Upload
from services.ticketing.entry.views import UploadAnswer

T = TypeVar("T")
CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 20.0
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
TOO_MANY: Final = 429
SERVER_TROUBLE: Final = 500


class Away(Exception):
    """No answer, or none that an instance in order gives; `why` in a few words."""


class Revoked(Exception):
    """The token of this hub is not valid any more."""


class Denied(Exception):
    """The instance understood, and refused."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.code = problem.code


class HubGate(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    venue_id: UUID


class HubEstablishment(msgspec.Struct, frozen=True):
    id: UUID
    slug: str
    name: dict[str, str]
    timezone: str


class Paired(msgspec.Struct, frozen=True):
    """What the instance says to a new scanner."""

    device_id: UUID
    device_token: str
    establishment: HubEstablishment
    gates: list[HubGate]


def server_url(text: str) -> str:
    """An address as typed, without a path. Raises `CannotProceed`."""
    parts = urlsplit(text if "//" in text else f"https://{text}")
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise CannotProceed(f"“{text}” is no address of an instance: give one such as https://tickets.example.org.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise CannotProceed("The address of the instance must begin with https://: the hub sends it a secret.")
    return f"{parts.scheme}://{parts.netloc}"


class Instance:
    """Not the guarded client of `services.kit.outgoing`: whoever starts the hub types this address, and an instance
    may well stand in the museum's own network or behind its proxy.
    """

    def __init__(self, url: str, *, token: str | None = None, slug: str = "") -> None:
        self._base = f"/v1/establishments/{slug}"
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        )

    async def pair(self, code: str, public_key: str, name: str) -> Paired:
        """Raises `Away` and `Denied`."""
        body = {"code": code, "public_key": public_key, "name": name}
        return await self._ask("POST", "/v1/devices/pairing", Paired, body)

    async def entry_pass(self, place: Place, gate_id: UUID, cursor: str | None) -> tuple[EntryPass, float]:
        """A page, and how long it took in seconds. Raises `Away`, `Revoked`, and `Denied` for a cursor that no longer
        fits.
        """
        query = {"gate_id": str(gate_id), "date": place.date, **({"cursor": cursor} if cursor else {})}
        began = monotonic()
        page = await self._ask("GET", f"{self._base}/entry-pass", EntryPass, query=query)
        return page, monotonic() - began

    async def upload(self, upload: Upload) -> UploadAnswer:
        """Raises `Away`, `Revoked` and `Denied`."""
        return await self._ask("POST", f"{self._base}/scans/batch", UploadAnswer, upload)

    async def tell(self, pending_uploads: int) -> None:
        """Raises `Away` and `Revoked`."""
        status = {"pending_uploads": pending_uploads, "app_version": f"gate-hub {version('parvis')}"}
        await self._ask("PUT", f"{self._base}/devices/self/status", type(None), status)

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(
        self, method: str, path: str, type_: type[T], body: object = None, query: dict[str, str] | None = None
    ) -> T:
        content = msgspec.json.encode(body) if body is not None else None
        headers = {"content-type": "application/json"} if content else {}
        try:
            response = await self._http.request(method, path, content=content, headers=headers, params=query)
        except httpx.HTTPError as error:
            raise Away(str(error) or type(error).__name__) from error
        if response.status_code == TOO_MANY or response.status_code >= SERVER_TROUBLE or response.is_redirect:
            raise Away(f"It answered {response.status_code}.")
        try:
            if response.is_success:
                return msgspec.json.decode(response.content or b"null", type=type_)
            problem = msgspec.json.decode(response.content, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # A hotel's sign-in page, not an instance: it must not make the hub forget anything.
            raise Away("What answers there is no instance of Parvis.") from error
        if problem.code == "unauthenticated":
            raise Revoked
        raise Denied(problem)
