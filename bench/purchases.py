"""How many purchases a second one worker serves: one-call orders of two free tickets, everything on.

    .venv/bin/python -m bench.purchases [--seconds 8] [--clients 1,8,32,300]

Starts its own durable servers in a temporary folder; load generator, gateway and PostgreSQL share the machine.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from bench.http_client import Connection, Measured, Reply, closed_loop
from parvis.embedded.ports import free_port

SLOTS = 50


@contextmanager
def running_instance(folder: Path) -> Iterator[dict[str, object]]:
    """`parvis up --demo` with rate limits off; yields its demo.json and the port."""
    port = free_port()
    environment = {**os.environ, "PARVIS_READ_RATE_PER_MINUTE": "0", "PARVIS_WRITE_RATE_PER_MINUTE": "0"}
    command = [sys.executable, "-m", "parvis", "up", "--demo", "--data", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        _wait_for(folder / "demo.json", process)
        yield {**json.loads((folder / "demo.json").read_text()), "port": port}
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(file: Path, process: "subprocess.Popen[bytes]") -> None:
    """The demo is made last, through the running gateway."""
    while not file.exists():
        if process.poll() is not None:
            raise SystemExit("parvis up ended before it was ready")
        time.sleep(0.1)


async def configure(demo: dict[str, object]) -> tuple[str, list[str], str]:
    """A free offer with slots that never sell out: its establishment's path, slot ids and tariff id."""
    museum = demo["establishments"][0]
    connection = await Connection("127.0.0.1", demo["port"]).open()
    base, key = f"/v1/establishments/{museum['slug']}", f"Authorization: Bearer {museum['admin_key']}\r\n"

    async def post(path: str, body: object) -> dict[str, object]:
        reply = await connection.send("POST", f"{base}{path}", json.dumps(body).encode(), key)
        assert reply.status == 201, reply.body
        return json.loads(reply.body)

    venue = await post("/venues", {"name": {"en": "Bench"}, "timezone": "Europe/Paris"})
    offer = await post("/offers", {"name": {"en": "Bench"}, "venue_id": venue["id"], "kind": "open", "published": True})
    tariff = await post(
        f"/offers/{offer['id']}/tariffs",
        {"name": {"en": "Free"}, "price": {"amount": 0, "currency": "EUR"}, "vat_rate_bp": 0},
    )
    calendar = {
        "valid_from": "2026-01-01",
        "weekdays": [1, 2, 3, 4, 5, 6, 7],
        "first_start": "00:00",
        "last_start": "00:00",
        "every_minutes": 1440,
        "duration_minutes": 1439,
        "capacity": 100_000,
    }
    await post(f"/offers/{offer['id']}/calendars", calendar)
    reply = await connection.send("GET", f"{base}/offers/{offer['id']}/availability")
    slots = [slot["id"] for slot in json.loads(reply.body)["slots"]]
    connection.close()
    return base, slots[:SLOTS], tariff["id"]


async def measure(demo: dict[str, object], clients: list[int], seconds: float) -> list[tuple[str, int, Measured]]:
    base, slots, tariff = await configure(demo)
    results = []
    for name, chosen in (("one hot slot", slots[:1]), (f"spread over {len(slots)} slots", slots)):
        turns = cycle(chosen)

        async def buy(connection: Connection, turns: Iterator[str] = turns) -> Reply:
            body = {
                "lines": [{"slot_id": next(turns), "tariff_id": tariff, "quantity": 2}],
                "customer": {"name": "Bench", "email": "bench@example.org"},
                "confirm": {"payment_method": "free"},
            }
            key = f"Idempotency-Key: {uuid4()}\r\n"
            return await connection.send("POST", f"{base}/orders", json.dumps(body).encode(), key)

        await closed_loop(demo["port"], 8, 1.0, buy)
        results += [(name, count, await closed_loop(demo["port"], count, seconds, buy)) for count in clients]
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8, help="how long each row is measured")
    parser.add_argument("--clients", default="1,8,32,300", help="numbers of clients, separated by commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_instance(Path(folder) / "data") as demo:
        clients = [int(count) for count in options.clients.split(",")]
        results = asyncio.run(measure(demo, clients, options.seconds))
    table = Table("purchase of 2 tickets", "clients", "orders/s", "p50 ms", "p99 ms", "failed")
    for name, count, measured in results:
        table.add_row(
            name,
            str(count),
            f"{measured.per_second:.0f}",
            f"{measured.percentile_ms(0.5):.1f}",
            f"{measured.percentile_ms(0.99):.1f}",
            str(measured.failures or "none"),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
