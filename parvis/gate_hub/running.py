"""`parvis gate-hub` from its start to its goodbye."""

import asyncio
import contextlib
import io
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import qrcode
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console

from parvis.errors import CannotProceed
from parvis.gate_hub.app import HubApp
from parvis.gate_hub.certificate import address_on_network, fingerprint, is_good, make_certificate, names_of
from parvis.gate_hub.desk import HubDesk
from parvis.gate_hub.folder import HubFolder, Identity, identity
from parvis.gate_hub.guard import Guard
from parvis.gate_hub.hub import Hub
from parvis.gate_hub.instance import Away, Denied, Instance, Revoked, server_url
from parvis.gate_hub.journal import CannotKeep, Journal
from parvis.gate_hub.serving import Listening, serving
from parvis.gate_hub.signing import base64url
from parvis.gate_hub.status import Status
from parvis.goodbye import goodbye

LAST_ROUND_SECONDS: Final = 5.0
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - phones come from the whole network of the house
LOOPBACK: Final = "127.0.0.1"


class HubOptions(msgspec.Struct, frozen=True, kw_only=True):
    """As the command line has them. `address`: by which phones reach the hub, if not by what it finds itself."""

    data: Path
    server: str | None = None
    pair: str | None = None
    name: str = "Hub"
    host: str | None = None
    port: int = 8443
    address: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    plain: bool = False


async def run(options: HubOptions, console: Console) -> None:
    """Until somebody says goodbye. Raises `CannotProceed`."""
    folder = HubFolder(options.data)
    with goodbye() as asked, folder.locked():
        known = await _identity(options, folder)
        try:
            journal = Journal(folder.books)
        except sqlite3.Error as error:
            raise CannotProceed(f"The books in {folder.books} cannot be opened: {error}.") from error
        instance = Instance(known.server, token=known.device_token, slug=known.establishment.slug)
        try:
            await _serve(Hub(known, journal, instance), known, options, asked, console)
        finally:
            await journal.close()
            await instance.close()


async def _identity(options: HubOptions, folder: HubFolder) -> Identity:
    known = folder.identity()
    if options.pair is None:
        if known is None:
            raise CannotProceed(
                "This hub is not paired yet: make a device for its gates, and start it once with "
                "--server https://… --pair CODE."
            )
        if options.server is not None and server_url(options.server) != known.server:
            raise CannotProceed(f"This hub belongs to {known.server}: pair it anew to change that.")
        return known
    if options.server is None and known is None:
        raise CannotProceed("Say where the instance is: --server https://tickets.example.org.")
    server = server_url(options.server) if options.server else known.server if known else ""
    paired = await _pair(server, options)
    if known is not None and known.establishment.id != paired.establishment.id and _has_untold(folder):
        raise CannotProceed("Scans of another establishment wait in this folder: choose another one with --data.")
    folder.keep_identity(paired)
    return paired


async def _pair(server: str, options: HubOptions) -> Identity:
    key = Ed25519PrivateKey.generate()
    instance = Instance(server)
    try:
        public_key = base64url(key.public_key().public_bytes_raw())
        return identity(server, await instance.pair(options.pair or "", public_key, options.name), key)
    except Away as error:
        raise CannotProceed(f"{server} does not answer ({error}): pairing needs the internet once.") from error
    except (Denied, Revoked) as error:
        if isinstance(error, Denied) and error.code == "unknown_pairing_code":
            raise CannotProceed(
                "This pairing code is not valid (any more): it works once, for ten minutes. Make a new one."
            ) from error
        raise CannotProceed(f"{server} refused to pair: {error}.") from error
    finally:
        await instance.close()


def _has_untold(folder: HubFolder) -> bool:
    if not folder.books.exists():
        return False
    with contextlib.closing(sqlite3.connect(folder.books)) as connection:
        return bool(connection.execute("SELECT count(*) FROM scans").fetchone()[0])


def _listening(options: HubOptions, folder: HubFolder) -> Listening:
    host = options.host or (LOOPBACK if options.plain else EVERYWHERE)
    if options.plain:
        return Listening(host, options.port)
    if (options.certificate is None) != (options.key is None):
        raise CannotProceed("--certificate and --key go together.")
    if options.certificate is not None:
        return Listening(host, options.port, options.certificate, options.key)
    names, now = names_of(_address(options)), datetime.now(UTC)
    if not (folder.certificate.exists() and is_good(folder.certificate.read_bytes(), names, now)):
        certificate, key = make_certificate(names, now)
        folder.write(folder.key, key)
        folder.write(folder.certificate, certificate)
    return Listening(host, options.port, folder.certificate, folder.key)


def _address(options: HubOptions) -> str:
    if options.address:
        return options.address
    return options.host if options.host and options.host != EVERYWHERE else address_on_network()


async def _serve(hub: Hub, known: Identity, options: HubOptions, asked: asyncio.Event, console: Console) -> None:
    listening = _listening(options, HubFolder(options.data))
    guard = Guard(hub.memory, hub.journal, known.device_id, known.key)
    app = HubApp(hub, HubDesk(hub.memory, hub.clock, known.gate_ids), guard, origin=known.server)
    status = Status(hub, console)
    async with serving(app, listening) as server:
        _announce(console, known, listening, options)
        working = asyncio.create_task(_follow(hub, status.show))
        told = asyncio.create_task(asked.wait())
        await asyncio.wait({working, told, server}, return_when=asyncio.FIRST_COMPLETED)
        status.stop()
        for task in (working, told):
            task.cancel()
        await asyncio.wait({working, told})
    # Nobody is asking any more: what came last is on the disk, and goes up if there is a way.
    if hub.is_revoked:
        raise CannotProceed(
            "The instance does not accept this hub any more (revoked, or paired anew elsewhere). "
            f"{len(hub.sync.pending)} scans wait in {options.data}: pair it again there, and they will be sent."
        )
    if hub.sync.is_online:
        with contextlib.suppress(Away, Denied, Revoked, CannotKeep, TimeoutError):
            async with asyncio.timeout(LAST_ROUND_SECONDS):
                await hub.sync.push()
    console.print(_farewell(len(hub.sync.pending)), soft_wrap=True)


async def _follow(hub: Hub, changed: Callable[[], None]) -> None:
    try:
        await hub.sync.run(changed)
    except Revoked:
        # From here on scanners decide alone.
        hub.is_revoked = True
        with contextlib.suppress(CannotKeep):
            await hub.journal.forget_tickets()


def _announce(console: Console, known: Identity, listening: Listening, options: HubOptions) -> None:
    scheme = "https" if listening.certificate else "http"
    url = f"{scheme}://{_address(options)}:{listening.port}"
    link = f"{known.server}/scanner#hub={url}"
    gates = ", ".join(gate.name for gate in known.gates)
    console.print(f"[bold]Gate hub of {known.name}[/] for {gates}", highlight=False)
    console.print(f"Phones   {url}\nOr by    {link}", highlight=False, soft_wrap=True)
    if listening.certificate:
        console.print(f"SHA-256  {fingerprint(listening.certificate.read_bytes())}", highlight=False, soft_wrap=True)
        console.print("Open that address once on each phone and accept its certificate.", highlight=False)
    if sys.stdout.isatty():
        code, drawn = qrcode.QRCode(border=1), io.StringIO()
        code.add_data(link)
        code.print_ascii(out=drawn, invert=True)
        console.print(drawn.getvalue(), highlight=False)
    console.print("Stop     Ctrl-C", highlight=False)


def _farewell(pending: int) -> str:
    if not pending:
        return "Stopped. Everything was sent to the instance."
    return f"Stopped. {pending} scans are kept here and will be sent when the hub runs again with internet."
