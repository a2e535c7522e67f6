"""What surrounds a hub: an instance behind a line that can be cut, and phones at the gates."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from parvis.gate_hub.signing import answer, base64url, from_base64url, question
from tests.journeys.house import LOOPBACK, free_port
from tests.journeys.museum import Museum
from tests.journeys.waiting import eventually
from tests.parvis.up_process import clean_environment

OURSELVES = (sys.executable, "-P", "-m", "parvis", "gate-hub")
STOP_SECONDS = 10


class Line:
    """The way to the internet."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.is_cut = False
        self._to = port
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def cut(self) -> None:
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self.is_cut = False

    @asynccontextmanager
    async def laid(self) -> AsyncIterator["Line"]:
        server = await asyncio.start_server(self._forward, LOOPBACK, self.port)
        try:
            yield self
        finally:
            self.cut()
            server.close()
            await server.wait_closed()
            # For those that were cut off to notice.
            await asyncio.sleep(0.05)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._to)
        self._open |= {writer, far_writer}
        if self.is_cut:
            # Meanwhile.
            self.cut()
        await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        self._open -= {writer, far_writer}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


class RunningHub:
    """`parvis gate-hub` as a process of its own."""

    def __init__(self, folder: Path, server: str, *, tls: bool = False) -> None:
        self.folder = folder
        self.server = server
        self.port = free_port()
        self.url = f"{'https' if tls else 'http'}://{LOOPBACK}:{self.port}"
        self._options = ("--host", LOOPBACK) if tls else ("--plain",)
        # Its certificate is looked at in tests of its own.
        self.http = httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20, verify=not tls)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *more: str) -> None:
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *OURSELVES,
                *("--data", str(self.folder), "--port", str(self.port), *self._options, *more),
                env=clean_environment() | {"NO_COLOR": "1"},
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        await eventually(self.is_live)

    async def kill(self) -> None:
        """As when the socket is pulled."""
        assert self.process
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process
        if self.process.returncode is not None:
            return self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            raise

    async def is_live(self) -> bool:
        assert self.process
        assert self.process.returncode is None, self.said()
        try:
            return (await self.http.get("/livez")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def health(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self.http.get("/livez")).json()
        return told

    async def knows(self, tickets: int, devices: int = 0) -> None:
        """So many at least."""

        async def does() -> bool:
            health = await self.health()
            enough = health["tickets_known"] >= tickets and health["devices_known"] >= devices
            return bool(health["is_online"]) and enough

        await eventually(does, seconds=30)

    async def has_told_everything(self) -> None:
        async def has() -> bool:
            health = await self.health()
            return bool(health["is_online"]) and not health["pending_uploads"]

        await eventually(has, seconds=30)

    def said(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.log").read_text()


@asynccontextmanager
async def running_hub(museum: Museum, folder: Path, server: str, *, tls: bool = False) -> AsyncIterator[RunningHub]:
    """Paired for both gates."""
    made = await make_device(museum, "Hub", both_gates=True)
    hub = RunningHub(folder, server, tls=tls)
    await hub.start("--server", server, "--pair", made["pairing_code"])
    try:
        yield hub
    finally:
        await hub.stop()
        await hub.http.aclose()


async def make_device(museum: Museum, name: str, *, both_gates: bool = False) -> dict[str, Any]:
    gate_ids = [str(museum.gate_id), *([str(museum.second_gate_id)] if both_gates else [])]
    made: dict[str, Any] = await museum.staff("POST", "/devices", {"name": name, "gate_ids": gate_ids}, status=201)
    return made


class Phone(msgspec.Struct):
    """At one gate: it signs what it asks of a hub, and believes only answers that the hub signed."""

    museum: Museum
    id: str
    token: str
    gate_id: str
    key: Ed25519PrivateKey
    hub_key: Ed25519PublicKey | None = None
    cursor: str | None = None

    async def ask(self, hub: RunningHub, method: str, path: str, body: object = None) -> httpx.Response:
        path = f"/v1/establishments/{self.museum.slug}{path}"
        content = msgspec.json.encode(body) if body is not None else b""
        signature = self.key.sign(question(method, path, content))
        headers = {"parvis-device": self.id, "parvis-signature": base64url(signature)}
        response = await hub.http.request(method, path, content=content, headers=headers)
        if self.hub_key is not None:
            signed = answer(signature, response.status_code, response.content)
            self.hub_key.verify(from_base64url(response.headers["parvis-signature"]), signed)
        return response

    async def scan(self, hub: RunningHub, code: str, **changes: object) -> dict[str, Any]:
        body = {"id": str(uuid4()), "code": code, "gate_id": self.gate_id, "scanned_at": now_text()} | changes
        response = await self.ask(hub, "POST", "/scans", body)
        assert response.status_code == 200, response.text
        answered: dict[str, Any] = response.json()
        return answered

    async def upload(self, hub: RunningHub, *scans: dict[str, Any], undos: list[dict[str, Any]] | None = None) -> Any:  # noqa: ANN401 - JSON
        body = {"sent_at": now_text(), "scans": scans, "undos": undos or []}
        response = await self.ask(hub, "POST", "/scans/batch", body)
        assert response.status_code == 200, response.text
        return response.json()

    def admitted_alone(self, code: str, **changes: object) -> dict[str, Any]:
        """What this phone decided by itself, as it uploads it."""
        scan = {"id": str(uuid4()), "code": code, "gate_id": self.gate_id, "scanned_at": now_text()}
        return scan | {"outcome": "admitted"} | changes

    async def pull(self, hub: RunningHub) -> list[dict[str, Any]]:
        """The tickets that changed at the hub since it was last asked."""
        tickets: list[dict[str, Any]] = []
        more = True
        while more:
            query = f"gate_id={self.gate_id}&date={paris_day()}" + (f"&cursor={self.cursor}" if self.cursor else "")
            response = await self.ask(hub, "GET", f"/entry-pass?{query}")
            assert response.status_code == 200, response.text
            page = response.json()
            self.cursor, more = page["cursor"], page["more"]
            tickets += page["tickets"]
        return tickets


async def paired_phone(museum: Museum, name: str, *, at_second_gate: bool = False) -> Phone:
    gate_id = str(museum.second_gate_id if at_second_gate else museum.gate_id)
    made = await museum.staff("POST", "/devices", {"name": name, "gate_ids": [gate_id]}, status=201)
    key = Ed25519PrivateKey.generate()
    body = {"code": made["pairing_code"], "public_key": base64url(key.public_key().public_bytes_raw())}
    response = await museum.house.http.post("/v1/devices/pairing", json=body)
    assert response.status_code == 201, response.text
    told = response.json()
    return Phone(museum, told["device_id"], told["device_token"], gate_id, key)


def now_text(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def paris_day() -> str:
    return datetime.now(ZoneInfo("Europe/Paris")).date().isoformat()
