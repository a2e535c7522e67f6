"""What a purchase leaves behind besides its rows: no personal data and no secret in logs, nor in metrics."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import structlog

from services.kit.telemetry import configure_logging
from tests.conftest import Instance
from tests.security.world import CANARY, METRICS_TOKEN, World, open_world, order_body

NAME, EMAIL = "Canaria Zwitscher", "canaria.zwitscher@canary.example"
CUSTOMER = {"name": NAME, "email": EMAIL, "language": "fr"}
CONFIRM = {"payment_method": "free", "customer": CUSTOMER}
KEY = "canary-idempotency-key-0123456789"


class Written:
    """All that a process of ours writes to its standard error, set up as `parvis serve` does."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._text = ""

    def text(self) -> str:
        self._text += "".join(self._capture.readouterr())
        return self._text


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    before = structlog.get_config()
    configure_logging("INFO")
    # The loggers of modules outlive this test.
    structlog.configure(cache_logger_on_first_use=False)
    yield Written(capsys)
    structlog.configure(**before)


@pytest_asyncio.fixture
async def world(instance: Instance, written: Written) -> AsyncIterator[World]:  # noqa: ARG001 - logs from its start
    """One of its own: what was logged before is another test's."""
    async with open_world(instance) as opened:
        yield opened


async def test_a_purchase_leaves_no_trace_of_who_bought(world: World, written: Written) -> None:
    secrets = await _buy_and_enter(world)
    secrets |= await _fail(world)
    metrics = await world.ask("GET", "/metrics", METRICS_TOKEN)
    assert metrics.status_code == 200
    for where, text in {"log": written.text(), "metrics": metrics.text}.items():
        assert [name for name, secret in secrets.items() if secret in text] == [], where
        assert CANARY not in text.lower(), where
    assert "refused" in written.text()


BREAKAGES = {
    "a statement that cannot be": "ALTER TABLE ticketing.orders RENAME COLUMN customer_name TO somebody",
    "a row that may not be": "ALTER TABLE ticketing.orders ADD CHECK (customer_email = '') NOT VALID",
}


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_failure_of_ours_is_logged_without_what_was_sent(
    world: World, written: Written, breakage: str, method: str
) -> None:
    held = await world.order(world.ours, method=None)
    await world.owner.execute(BREAKAGES[breakage])
    if method == "POST":
        path, body = f"{world.ours.base}/orders", order_body(world.ours) | {"confirm": CONFIRM, "customer": CUSTOMER}
    else:
        path, body = f"{world.ours.base}/orders/{held['id']}", {"customer": CUSTOMER}
    broken = await world.ask(method, path, world.ours.admin_key, body, headers={"idempotency-key": KEY})
    assert (broken.status_code, broken.json()["code"]) == (500, "internal")
    log = written.text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    bugs: list[dict[str, Any]] = [line for line in lines if line["event"] == "bug"]
    assert len(bugs) == 1
    # Enough to find it, and to find it again by the caller's request id.
    assert bugs[0]["request_id"] == broken.headers["x-request-id"]
    assert "Traceback" in bugs[0]["exception"]
    for secret in (NAME, EMAIL, KEY, world.ours.admin_key, world.ours.canary):
        assert secret not in log
        assert secret not in broken.text


async def _buy_and_enter(world: World) -> dict[str, str]:
    """A purchase in steps, its documents, its scan; answers the secrets that came up."""
    ours = world.ours
    headers = {"idempotency-key": KEY}
    held = (await world.ask("POST", f"{ours.base}/orders", None, order_body(ours), headers=headers)).json()
    path, token = f"{ours.base}/orders/{held['id']}", held["access_token"]
    confirmed = (await world.ask("POST", f"{path}/confirmation", token, CONFIRM)).json()
    ticket = confirmed["tickets"][0]
    for address in (f"{path}?token={token}", f"{path}/tickets.pdf?token={token}"):
        assert (await world.ask("GET", address)).status_code == 200
    for extension in ("", ".svg", ".ics"):
        address = f"{ours.base}/tickets/{ticket['id']}{extension}?token={token}"
        assert (await world.ask("GET", address)).status_code == 200
    await world.ask("GET", f"{ours.base}/orders", ours.admin_key, params={"email": EMAIL})
    scan = {"id": str(uuid4()), "gate_id": ours.ids["gate_id"], "scanned_at": datetime.now(UTC).isoformat()}
    scanned = await world.ask("POST", f"{ours.base}/scans", ours.device_token, scan | {"code": ticket["code"]})
    assert scanned.status_code == 200
    return {
        "name": NAME,
        "e-mail": EMAIL,
        "idempotency key": KEY,
        "order token": token,
        "ticket code": ticket["code"],
        "short code": ticket["short_code"],
        "admin key": ours.admin_key,
        "device token": ours.device_token,
        "operator key": world.operator_key,
    }


async def _fail(world: World) -> dict[str, str]:
    """Refusals whose reasons hold what was sent."""
    ours = world.ours
    wrong_email, wrong_token = "canaria@@canary.example", f"pvo_{uuid4().hex}_{uuid4().hex}"
    wrong_key, wrong_code = f"pvs_live_{uuid4().hex}", f"PV1:{uuid4().hex.upper()}"
    customer = CUSTOMER | {"email": wrong_email}
    scan = {"id": str(uuid4()), "gate_id": ours.ids["gate_id"], "scanned_at": datetime.now(UTC).isoformat()}
    await world.ask("POST", f"{ours.base}/orders", None, order_body(ours) | {"customer": customer})
    await world.ask("POST", f"{ours.base}/orders", None, order_body(ours) | {NAME: EMAIL})
    await world.ask("GET", f"{ours.base}/orders/{ours.ids['order_id']}?token={wrong_token}")
    await world.ask("GET", f"{ours.base}/orders/{wrong_token}", ours.admin_key)
    await world.ask("GET", f"{ours.base}/orders", wrong_key)
    await world.ask("POST", f"{ours.base}/scans", ours.device_token, scan | {"code": wrong_code})
    await world.ask("GET", f"/{EMAIL}")
    return {"wrong e-mail": wrong_email, "wrong token": wrong_token, "wrong key": wrong_key, "wrong code": wrong_code}
