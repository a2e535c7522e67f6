"""A bad day of a small installation: every part of `parvis up` is killed while people buy."""

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
            _without_valkey(buyers, folder, lambda: kill(up, "valkey-server"))
            kill_web_process(up)
            _report(buyers, "a web process")
            kill(up, "postgres")
            _report(buyers, "postgres")
            kill(up, "worker")
            _report(buyers, "the worker")
            kill(up, "everything")
            _report(buyers, "the gateway")
            kill_everything(up)
            with real_up(folder, port) as again:
                _report(buyers, "the supervisor")
                buyers.stop()
                _check_orders(counter, buyers)
                again.stop()
    verified = parvis("verify", folder=folder)
    assert verified.returncode == 0, verified.stdout


def _without_valkey(buyers: Buyers, folder: Path, kill_valkey: Callable[[], object]) -> None:
    """Valkey may vanish at any moment: nobody even has to ask twice."""
    flush_valkey(folder)
    _report(buyers, "the contents of Valkey")
    kill_valkey()
    _report(buyers, "valkey")
    assert buyers.interruptions == []


def _report(buyers: Buyers, killed: str) -> None:
    interruptions = len(buyers.interruptions)
    seconds = buyers.wait_for_more(ORDERS_BETWEEN)
    print(  # noqa: T201 - shown by pytest -s
        f"{killed}: {ORDERS_BETWEEN} more orders after {seconds:.1f} s, {len(buyers.acknowledged)} in all, "
        f"{len(buyers.interruptions) - interruptions} requests sent again"
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
