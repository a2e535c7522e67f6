"""Makes the demo through the public API, in this process: if it works, the API works."""

import json
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from gateway.lifespan import Lifespan
from parvis.asgi import make_everything
from parvis.demo.offers import establishments
from parvis.errors import CannotProceed
from parvis.scanners import make_scanner, pair_again
from parvis.settings import Settings
from services.kit.database import Database
from services.kit.telemetry import configure_logging
from services.ticketing.access.actions import create_operator_key
from services.ticketing.entry.devices.actions import create_device


async def create(settings: Settings) -> None:
    """Idempotent: what is there stays; the addresses, which change with each start, are written again.

    So is the link that pairs a phone: it lives for ten minutes.
    """
    configure_logging(settings.log_level)
    if not settings.data:
        raise CannotProceed("The demo needs a data folder for its keys: parvis up --demo.")
    file = Path(settings.data) / "demo.json"
    made = json.loads(file.read_text()) if file.exists() else await _make(settings)
    made["url"] = settings.public_url
    for establishment in made["establishments"]:
        await _listen_to_stripe(settings, establishment)
    made["scanner"] = await _pairing_link(settings, made["establishments"][0])
    _write(file, made)


async def _make(settings: Settings) -> dict[str, Any]:
    database = Database(settings.ticketing_database_url, pool_size=2)
    try:
        operator_key = await database.write_instance(
            partial(create_operator_key, name="Demo operator", mode=_mode(settings))
        )
        app = make_everything(settings)
        lifespan = Lifespan("demo", app)
        await lifespan.start()
        try:
            transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # httpx and Litestar type ASGI differently
            async with httpx.AsyncClient(transport=transport, base_url="http://demo") as http:
                today = datetime.now(UTC).date()
                made = [await make_establishment(http, operator_key, one) for one in establishments(today)]
        finally:
            await lifespan.stop()
        for establishment in made:
            await _pair(database, establishment, _mode(settings))
    finally:
        await database.close()
    return {"url": settings.public_url, "operator_key": operator_key, "establishments": made}


async def make_establishment(http: httpx.AsyncClient, operator_key: str, wanted: dict[str, Any]) -> dict[str, Any]:
    profile = wanted["profile"]
    founded = await _post(http, operator_key, "/v1/establishments", profile)
    key, base = founded["api_key"]["secret"], f"/v1/establishments/{profile['slug']}"
    await _send(http, key, "PATCH", f"{base}/presentation", wanted["presentation"])
    venue = await _post(http, key, f"{base}/venues", wanted["venue"])
    gauges = [(await _post(http, key, f"{base}/gauges", gauge))["id"] for gauge in wanted["gauges"]]
    offer_ids = []
    for one in wanted["offers"]:
        body = {**one["offer"], "venue_id": venue["id"], "gauge_ids": gauges}
        offer = await _post(http, key, f"{base}/offers", body)
        offer_ids.append(offer["id"])
        for tariff in one["tariffs"]:
            await _post(http, key, f"{base}/offers/{offer['id']}/tariffs", tariff)
        await _post(http, key, f"{base}/offers/{offer['id']}/calendars", one["calendar"])
    return {
        "id": founded["id"],
        "slug": profile["slug"],
        "admin_key": key,
        "gate_id": venue["gates"][0]["id"],
        "offer_ids": offer_ids,
        "stripe_account": profile["stripe_account"],
    }


async def _pair(database: Database, establishment: dict[str, Any], mode: str) -> None:
    tenant = UUID(establishment["id"])
    device = await database.write(
        tenant,
        partial(
            create_device,
            establishment_id=tenant,
            name="Demo scanner",
            gate_ids=[UUID(establishment["gate_id"])],
            mode=mode,
        ),
    )
    establishment["device_token"] = device.device_token


async def _pairing_link(settings: Settings, establishment: dict[str, Any]) -> str:
    """For one phone, the same at every start, which may search as well."""
    waiting = None
    if "phone_id" in establishment:
        waiting = await pair_again(settings, UUID(establishment["id"]), UUID(establishment["phone_id"]))
    if waiting is None:
        waiting = await make_scanner(settings, establishment["slug"], name="Demo phone", may_search=True)
    establishment["phone_id"] = str(waiting.id)
    return waiting.link


async def _listen_to_stripe(settings: Settings, establishment: dict[str, Any]) -> None:
    """Tells the stand-in where this establishment's notifications go. The real Stripe is never asked."""
    if not settings.stripe_api_url:
        return
    url = f"{settings.public_url}/v1/payments/stripe/{establishment['slug']}/webhook"
    body = {"url": url, "account": establishment["stripe_account"], "secret": settings.stripe_webhook_secret}
    async with httpx.AsyncClient(base_url=settings.stripe_api_url, trust_env=False, timeout=5) as http:
        (await http.post("/_stand_in/webhook-endpoints", json=body)).raise_for_status()


async def _post(http: httpx.AsyncClient, key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return await _send(http, key, "POST", path, body)


async def _send(http: httpx.AsyncClient, key: str, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await http.request(method, path, json=body, headers={"authorization": f"Bearer {key}"})
    if response.is_error:
        raise CannotProceed(f"The demo could not be made: {path} answered {response.status_code} {response.text}")
    made: dict[str, Any] = response.json()
    return made


def _write(file: Path, made: dict[str, Any]) -> None:
    """Whole or not at all, and only for the owner: these are keys."""
    unfinished = file.with_suffix(".unfinished")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(made, out, indent=2, ensure_ascii=False)
    unfinished.replace(file)


def _mode(settings: Settings) -> str:
    return "test" if settings.test_mode else "live"
