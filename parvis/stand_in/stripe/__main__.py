"""`python -m parvis.stand_in.stripe --port 8082 --webhook-secret whsec_…`"""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings


def main(
    port: Annotated[int, typer.Option(help="Loopback port; 0 takes a free one.")] = 8082,
    webhook_secret: Annotated[
        str, typer.Option(help="Signs webhooks of endpoints without their own secret.")
    ] = StripeStandInSettings().webhook_secret,
    data: Annotated[Path | None, typer.Option(help="SQLite file that keeps the state over a restart.")] = None,
    public_url: Annotated[str | None, typer.Option(help="Address of the hosted page for browsers.")] = None,
) -> None:
    """Serve the stand-in for Stripe on loopback until interrupted."""
    settings = StripeStandInSettings(webhook_secret=webhook_secret, data_path=data, public_url=public_url)
    asyncio.run(_serve(settings, port))


async def _serve(settings: StripeStandInSettings, port: int) -> None:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    async with serve_stripe_stand_in(settings, port=port) as url:
        typer.echo(f"Stripe stand-in at {url} (test payments only, no money moves)")
        await interrupted.wait()


if __name__ == "__main__":
    typer.run(main)
