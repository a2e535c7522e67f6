"""A bad day of a small installation: every part of `parvis up` is killed while people buy."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.crashes.buyers import Acknowledged, Buyers, Counter, buying, open_counter
from tests.crashes.real_up import flush_valkey, kill, kill_everything, kill_web_process, parvis, real_up
from tests.parvis.up_process import unused_port

BUYERS = 10
# Sold before and after each blow, so that each falls in the middle of a sale.
ORDERS_BETWEEN = 60


def test_no_acknowledged_order_is_lost_whatever_is_killed(tmp_path: Path):
    folder, port = tmp_path / "data", unused_port()
    with real_up(folder, port) as up:
        counter = _found(folder, f"http://127.0.0.1:{port}")
        with buying(counter, BUYERS) as buyers:
            buyers.wait_for_more(ORDERS_BETWEEN)
            # Valkey may vanish at any moment: nobody even has to ask twice.
            _strike(buyers, "the contents of Valkey", lambda: flush_valkey(folder))
            _strike(buyers, "valkey", lambda: kill(up, "valkey-server"))
            assert buyers.interruptions == []
            _strike(buyers, "a web process", lambda: kill_web_process(up))
            _strike(buyers, "postgres", lambda: kill(up, "postgres"))
            _strike(buyers, "the worker", lambda: kill(up, "worker"))
            _strike(buyers, "the gateway", lambda: kill(up, "everything"))
            kill_everything(up)
            with real_up(folder, port) as again:
                buyers.wait_for_more(ORDERS_BETWEEN)
                buyers.stop()
                _check_orders(counter, buyers)
                again.stop()
    verified = parvis("verify", folder=folder)
    assert verified.returncode == 0, verified.stdout


def _strike(buyers: Buyers, name: str, blow: Callable[[], object]) -> None:
    began, interruptions = time.monotonic(), len(buyers.interruptions)
    blow()
    buyers.wait_for_more(ORDERS_BETWEEN)
    print(  # noqa: T201 - shown by pytest -s
        f"{name}: {ORDERS_BETWEEN} more orders {time.monotonic() - began:.1f} s after its end, "
        f"{len(buyers.interruptions) - interruptions} requests sent again, {len(buyers.acknowledged)} orders in all"
    )


def _found(folder: Path, url: str) -> Counter:
    founded = parvis("establishment", "create", "musee-du-jour", "--name", "Musée du Jour", folder=folder)
    assert founded.returncode == 0, founded.stderr
    return open_counter(url, "musee-du-jour", founded.stdout.strip())


def _check_orders(counter: Counter, buyers: Buyers) -> None:
    """All that were acknowledged are there as they were answered, and no ticket number was given twice."""
    assert buyers.bugs == []
    numbers = [number for order in buyers.acknowledged for number in order.ticket_numbers]
    assert len(numbers) == len(set(numbers))
    stored = {order.id: order for order in _all_orders(counter)}
    for order in buyers.acknowledged:
        assert stored[order.id].ticket_numbers == order.ticket_numbers
    # At most the orders whose answers the buyers no longer waited for are there besides.
    assert len(stored) - len(buyers.acknowledged) <= BUYERS


def _all_orders(counter: Counter) -> list[Acknowledged]:
    found: list[Acknowledged] = []
    cursor: dict[str, str] = {}
    with httpx.Client(headers={"authorization": f"Bearer {counter.admin_key}"}, timeout=10, trust_env=False) as http:
        while True:
            page = http.get(f"{counter.url}/orders", params={"limit": "100", "status": "confirmed", **cursor}).json()
            for order in page["items"]:
                numbers = [ticket["number"] for ticket in order["tickets"]]
                found.append(Acknowledged(order["id"], numbers))
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}
