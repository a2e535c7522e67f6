import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import httpx
import pytest

from parvis.stand_in.stripe.serving import serve_stripe_stand_in
from parvis.stand_in.stripe.settings import StripeStandInSettings
from tests.parvis.stand_in.stripe.shop import WEBHOOK_SECRET, Receiver, StandIn, open_session, session_parameters

# The SDK hands its body to httpx in a way that httpx 0.28 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_restart_keeps_sessions_keys_and_waiting_webhooks(tmp_path: Path, served_receiver: Receiver):
    served_receiver.events.clear()
    settings = StripeStandInSettings(webhook_secret=WEBHOOK_SECRET, data_path=tmp_path / "deep" / "stand-in.db")
    async with serve_stripe_stand_in(settings) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        before = StandIn(url, control)
        endpoint = {"url": served_receiver.url, "enabled_events": ["payment_intent.succeeded"]}
        await control.post("/_stand_in/webhook-endpoints", json=endpoint)
        keyed = await before.sdk().v1.checkout.sessions.create_async(session_parameters(), {"idempotency_key": "1"})
        paid, opened = await open_session(before.sdk()), await open_session(before.sdk())
        await before.plan_deliveries(delay_seconds=60)
        await before.pay(paid.id)
        await before.close()

    async with serve_stripe_stand_in(settings) as url, httpx.AsyncClient(base_url=url, trust_env=False) as control:
        after = StandIn(url, control)
        sessions = after.sdk().v1.checkout.sessions
        assert [session.id for session in (await sessions.list_async()).data] == [opened.id, paid.id, keyed.id]
        assert (await sessions.retrieve_async(paid.id)).status == "complete"
        again = await sessions.create_async(session_parameters(), {"idempotency_key": "1"})
        assert again.to_dict() == keyed.to_dict()
        assert (await after.pay(opened.id)).status_code == 200
        await served_receiver.wait_for(2)
        told = [event.data.object["id"] for event in served_receiver.events]
        intents = await after.sdk().v1.payment_intents.list_async()
        assert told == [intent.id for intent in reversed(intents.data)]
        await after.close()


async def test_taken_port_is_refused(stand_in: StandIn):
    with pytest.raises(OSError, match="in use"):
        async with serve_stripe_stand_in(StripeStandInSettings(), port=int(stand_in.url.rpartition(":")[2])):
            pass


async def test_command_serves_until_it_is_told_to_stop(tmp_path: Path):
    arguments = ("-m", "parvis.stand_in.stripe", "--port", "0", "--data", str(tmp_path / "stand-in.db"))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE)
    assert process.stdout is not None
    announced = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    url = announced.split()[3]
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/livez")).text == "ok"
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
