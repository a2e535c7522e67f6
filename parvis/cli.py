"""The `parvis` command. Each command imports what it needs when it runs: `--help` should not load a web server."""

import asyncio
import os
import sys
from enum import StrEnum
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from parvis.composition import Programs, UpOptions
from parvis.errors import CannotProceed

EXIT_REFUSED = 1

Data = Annotated[
    Path | None,
    typer.Option(
        help="Data folder of an instance made by `parvis up`, running or not. Without it: the instance that the "
        "PARVIS_ variables name, or else .parvis.",
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    # A plain traceback, without the values of variables: it goes to a log, and they hold passwords.
    pretty_exceptions_enable=False,
    help="Parvis: one shared ticketing instance for many cultural establishments.\n\n"
    "[bold]parvis up --demo[/] starts everything on this machine and says where to click. A cluster runs the pieces: "
    "[bold]parvis migrate[/], [bold]parvis serve[/] and [bold]parvis worker[/], told by PARVIS_ variables where their "
    "servers are.",
)
establishment = typer.Typer(no_args_is_help=True, help="The establishments of this instance.")
app.add_typer(establishment, name="establishment")
gate_hub = typer.Typer(help="Keeps the gates of one place of one mind without internet.")
app.add_typer(gate_hub, name="gate-hub")
HubData = Annotated[Path, typer.Option(help="Folder that keeps who this hub is, and its books; made if not there.")]
HUB_FOLDER = Path(".parvis-hub")


class Application(StrEnum):
    gateway = "gateway"
    ticketing = "ticketing"
    inventory = "inventory"
    everything = "everything"


def main(programs: Programs | None = None) -> None:
    """Every refusal leaves as one sentence and exit code 1; a wrong option as typer's explanation and 2."""
    try:
        app(obj=programs or Programs())
    except CannotProceed as problem:
        Console(stderr=True).print(f"[bold red]Parvis cannot go on.[/] {problem}", highlight=False, soft_wrap=True)
        sys.exit(EXIT_REFUSED)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if asked:
        version()
        raise typer.Exit


@app.callback()
def options(
    *,
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


@app.command()
def up(
    context: typer.Context,
    *,
    data: Annotated[Path, typer.Option(help="Folder that keeps everything; made if it is not there.")] = Path(
        ".parvis"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any that is free.", min=0, max=65535)] = 8000,
    workers: Annotated[
        int, typer.Option(help="Web processes; one per processor core.", min=1, max=64, envvar="PARVIS_WORKERS")
    ] = 1,
    demo: Annotated[
        bool, typer.Option("--demo", help="Add three invented establishments and a stand-in for Stripe.")
    ] = False,
) -> None:
    """Run everything on this machine: PostgreSQL, Valkey, the services, the gateway and the worker.

    A server that PARVIS_DATABASE_URL or PARVIS_VALKEY_URL names replaces ours. Ctrl-C stops everything.
    """
    from parvis.commands.up import up as run_up

    options = UpOptions(data=data, host=host, port=port, workers=workers, demo=demo)
    asyncio.run(run_up(options, Console(), context.obj))


@app.command()
def serve(
    application: Annotated[Application, typer.Argument(help="What this process answers for.")],
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    workers: Annotated[
        int, typer.Option(help="Web processes; one per processor core.", min=1, max=64, envvar="PARVIS_WORKERS")
    ] = 1,
    drain_seconds: Annotated[
        int, typer.Option(help="How long requests in flight may take to finish at SIGTERM.", min=1, max=300)
    ] = 20,
) -> None:
    """Serve one piece of a cluster over HTTP; `everything` is the gateway with both services in one process."""
    from parvis.commands.serve import serve as run_server

    run_server(f"parvis.asgi:{application}", host=host, port=port, workers=workers, drain_seconds=drain_seconds)


@app.command()
def worker() -> None:
    """Run the background work: expiry, slots ahead, messages, webhooks, reconciliation."""
    from parvis.commands.work import work

    work()


@app.command()
def migrate(data: Data = None) -> None:
    """Make or update the roles, schemas and tables. Safe to run again at any time."""
    from parvis.commands.administer import migrate as run_migrations

    asyncio.run(run_migrations(data))


@app.command(hidden=True)
def demo(data: Data = None) -> None:
    """Make the invented establishments of `parvis up --demo`."""
    from parvis.commands.administer import create_demo

    asyncio.run(create_demo(data))


@app.command("operator-key")
def operator_key(
    name: Annotated[str, typer.Option(help="Who or what will use it; shown in the list of keys.")], data: Data = None
) -> None:
    """Make a key that may create establishments through the API, and print it: it is shown only this once."""
    from parvis.commands.administer import make_operator_key

    typer.echo(asyncio.run(make_operator_key(data, name)))


@app.command()
def pair(
    establishment: Annotated[
        str | None, typer.Argument(help="Slug of the establishment; needed if there are several.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="What lists call the scanner.")] = "Scanner",
    data: Data = None,
) -> None:
    """Make a scanner for all gates of an establishment and print the link that pairs a phone, once, for ten minutes."""
    from parvis.commands.administer import pair as run_pairing

    typer.echo(asyncio.run(run_pairing(data, establishment, name)))


@establishment.command("create")
def create_establishment(
    slug: Annotated[str, typer.Argument(help="Short name in addresses, such as musee-des-brumes.")],
    *,
    name: Annotated[str, typer.Option(help="Name in the first of its languages.")],
    country: Annotated[str, typer.Option(help="Country, ISO 3166-1, two letters.")] = "FR",
    timezone: Annotated[str, typer.Option(help="IANA time zone of its clocks.")] = "Europe/Paris",
    currency: Annotated[str, typer.Option(help="Currency of its prices, ISO 4217.")] = "EUR",
    language: Annotated[list[str] | None, typer.Option(help="A language it speaks; may be repeated. [fr]")] = None,
    data: Data = None,
) -> None:
    """Make an establishment and print its first admin key, which is shown only this once."""
    from parvis.commands.administer import create_establishment as create

    languages = language or ["fr"]
    fields: dict[str, object] = {"slug": slug, "name": {languages[0]: name}, "languages": languages}
    fields |= {"country": country, "timezone": timezone, "currency": currency}
    typer.echo(asyncio.run(create(data, fields)))


@app.command()
def verify(data: Data = None) -> None:
    """Recompute every invariant and hash chain of an instance; exit code 1 and a list if any fails."""
    from parvis.commands.administer import verify as run_verification

    violations = asyncio.run(run_verification(data))
    console = Console(soft_wrap=True)
    for violation in violations:
        console.print(f"[red]✗[/] {violation}", highlight=False)
    if violations:
        raise typer.Exit(EXIT_REFUSED)
    console.print("[green]✓[/] Every invariant holds and every chain is whole.")


@app.command()
def doctor(data: Data = None) -> None:
    """Check an installation and say what to mend; exit code 1 if something must be."""
    from parvis.commands.doctor import examine
    from parvis.doctor.check import Outcome, as_table

    checks = asyncio.run(examine(data))
    Console().print(as_table(checks))
    if any(check.outcome is Outcome.fail for check in checks):
        raise typer.Exit(EXIT_REFUSED)


@gate_hub.callback(invoke_without_command=True)
def run_gate_hub(
    context: typer.Context,
    *,
    server: Annotated[str | None, typer.Option(help="Address of the instance: https://tickets.example.org")] = None,
    pair: Annotated[str | None, typer.Option(help="Pairing code of a device made for all gates of this place.")] = None,
    data: HubData = HUB_FOLDER,
    name: Annotated[str, typer.Option(help="How lists call it, if whoever made the device gave no name.")] = "Hub",
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; without it all of this machine, or with --plain 127.0.0.1."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8443,
    address: Annotated[
        str | None, typer.Option(help="Name or address by which phones reach this machine, if it guesses wrong.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM file, instead of a certificate of its own.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file with the key of that certificate.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="http without TLS: behind a proxy, or for tests.")] = False,
) -> None:
    """Run the gate hub: phones of this place ask it when the internet is gone, and nobody enters twice.

    The first time, pair it: make a device for all gates of the place (POST …/devices), then
    [bold]parvis gate-hub --server https://… --pair CODE[/]. From then on [bold]parvis gate-hub[/] is enough, and it
    starts without internet too. It prints the address that phones need, as a QR code. Ctrl-C stops it; nothing is lost.
    """
    if context.invoked_subcommand is not None:
        return
    from parvis.commands.gate_hub import gate_hub as run_hub
    from parvis.gate_hub.running import HubOptions

    options = HubOptions(
        data=data,
        server=server,
        pair=pair,
        name=name,
        host=host,
        port=port,
        address=address,
        certificate=certificate,
        key=key,
        plain=plain,
    )
    run_hub(options, Console())


@gate_hub.command("token")
def make_hub_token(
    name: Annotated[str, typer.Option(help="Which turnstile uses it; the same name again replaces the token.")],
    data: HubData = HUB_FOLDER,
) -> None:
    """Make a token for a turnstile that cannot sign, and print it: it is shown only this once."""
    from parvis.commands.gate_hub import hub_token

    typer.echo(hub_token(data, name))


@app.command()
def version() -> None:
    """Print the version of Parvis."""
    typer.echo(f"parvis {version_of('parvis')}, Python {sys.version.split()[0]}, {os.uname().sysname}")
