import pytest
import stripe

from parvis.stand_in.stripe.webhooks import sign
from tests.parvis.stand_in.stripe.shop import MUSEUM, THEATRE, Receiver, StandIn, open_session, take_payment, wait_until

# The SDK hands its body to httpx in a way that httpx 0.28 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_payment_is_announced(stand_in: StandIn, receiver: Receiver):
    session = await open_session(stand_in.sdk())
    await stand_in.pay(session.id, "4000000000000002")
    await stand_in.pay(session.id)
    await receiver.wait_for(3)

    assert receiver.types() == [
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    completed = receiver.events[-1]
    told = completed.data.object
    assert (completed.account, completed.livemode) == (MUSEUM, False)
    assert (told["id"], told["payment_status"], told["client_reference_id"]) == (session.id, "paid", "order-1")


async def test_refund_is_announced(stand_in: StandIn, receiver: Receiver):
    sdk = stand_in.sdk()
    intent = await take_payment(sdk)
    refund = await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1000})
    await receiver.wait_for(3)
    assert receiver.types() == ["payment_intent.succeeded", "refund.created", "charge.refunded"]
    assert receiver.events[1].data.object["id"] == refund.id
    assert receiver.events[2].data.object["amount_refunded"] == 1000


async def test_expiry_is_announced(stand_in: StandIn, receiver: Receiver):
    session = await open_session(stand_in.sdk())
    await stand_in.control.post("/_stand_in/clock", json={"advance_seconds": 25 * 3600})
    await receiver.wait_for(1)
    assert receiver.types() == ["checkout.session.expired"]
    assert receiver.events[0].data.object["id"] == session.id


async def test_account_of_a_key_is_not_named(stand_in: StandIn, receiver: Receiver):
    await take_payment(stand_in.sdk(None))
    await receiver.wait_for(1)
    assert "account" not in receiver.events[0].to_dict()


async def test_endpoint_of_one_account_hears_nothing_of_another(stand_in: StandIn, receiver: Receiver):
    [everybody] = (await stand_in.control.get("/_stand_in/webhook-endpoints")).json()
    await stand_in.control.delete(f"/_stand_in/webhook-endpoints/{everybody['id']}")
    own = {"url": receiver.url, "account": THEATRE, "enabled_events": ["payment_intent.succeeded"]}
    await stand_in.control.post("/_stand_in/webhook-endpoints", json=own)

    await take_payment(stand_in.sdk(MUSEUM))
    await take_payment(stand_in.sdk(THEATRE))
    await receiver.wait_for(1)
    await stand_in_is_quiet(stand_in)
    assert [event.account for event in receiver.events] == [THEATRE]


async def test_refused_webhook_comes_again(stand_in: StandIn, receiver: Receiver):
    receiver.refusals = 2
    await take_payment(stand_in.sdk())
    await receiver.wait_for(1)
    await stand_in_is_quiet(stand_in)
    [delivery] = (await stand_in.control.get("/_stand_in/webhook-deliveries")).json()
    assert (delivery["status"], delivery["attempts"]) == ("delivered", 3)


async def test_webhook_is_given_up_after_its_last_attempt(stand_in: StandIn, receiver: Receiver):
    receiver.refusals = 3
    await take_payment(stand_in.sdk())
    await wait_until(lambda: receiver.refusals == 0)
    await stand_in_is_quiet(stand_in)
    assert receiver.events == []
    [event] = (await stand_in.sdk().v1.events.list_async({"type": "payment_intent.succeeded"})).data
    assert event.pending_webhooks == 1

    await stand_in.control.post(f"/_stand_in/events/{event.id}/redelivery")
    await receiver.wait_for(1)
    assert [received.id for received in receiver.events] == [event.id]


async def test_absent_receiver_is_given_up_without_holding_up_another(stand_in: StandIn, receiver: Receiver):
    nobody = {"url": "http://127.0.0.1:9/webhook", "enabled_events": ["payment_intent.succeeded"]}
    await stand_in.control.post("/_stand_in/webhook-endpoints", json=nobody)
    await take_payment(stand_in.sdk())
    await receiver.wait_for(1)
    await stand_in_is_quiet(stand_in)
    assert (await stand_in.control.get("/_stand_in/state")).json()["webhook_deliveries"] == {
        "delivered": 1,
        "failed": 1,
    }


async def test_duplicates_carry_the_same_event_id(stand_in: StandIn, receiver: Receiver):
    await stand_in.plan_deliveries(copies=3)
    await take_payment(stand_in.sdk())
    await receiver.wait_for(3)
    assert len({event.id for event in receiver.events}) == 1


async def test_held_webhooks_come_late_and_in_reverse(stand_in: StandIn, receiver: Receiver):
    sdk = stand_in.sdk()
    await stand_in.plan_deliveries(hold=True)
    intent = await take_payment(sdk)
    await sdk.v1.refunds.create_async({"payment_intent": intent.id})
    assert (await stand_in.control.get("/_stand_in/state")).json()["webhook_deliveries"] == {"held": 3}
    assert receiver.events == []

    await stand_in.control.post("/_stand_in/webhook-deliveries/release", json={"order": "reversed"})
    await receiver.wait_for(3)
    assert receiver.types() == ["charge.refunded", "refund.created", "payment_intent.succeeded"]


async def test_events_of_one_call_can_come_in_reverse(stand_in: StandIn, receiver: Receiver):
    await stand_in.plan_deliveries(order="reversed")
    session = await open_session(stand_in.sdk())
    await stand_in.pay(session.id)
    await receiver.wait_for(2)
    assert receiver.types() == ["checkout.session.completed", "payment_intent.succeeded"]


async def test_delayed_webhook_comes_after_its_delay(stand_in: StandIn, receiver: Receiver):
    await stand_in.plan_deliveries(delay_seconds=0.2)
    await take_payment(stand_in.sdk())
    assert (await stand_in.control.get("/_stand_in/state")).json()["webhook_deliveries"] == {"waiting": 1}
    await receiver.wait_for(1)


async def test_dropped_webhook_is_only_found_in_the_event_list(stand_in: StandIn, receiver: Receiver):
    sdk = stand_in.sdk()
    # payment_intent.created, charge.succeeded and payment_intent.succeeded of the first payment
    await stand_in.plan_deliveries(drop_next=3)
    lost, told = await take_payment(sdk), await take_payment(sdk)
    await receiver.wait_for(1)
    await stand_in_is_quiet(stand_in)

    assert [event.data.object["id"] for event in receiver.events] == [told.id]
    listed = await sdk.v1.events.list_async({"types": ["payment_intent.succeeded"]})
    assert [event.data.object["id"] for event in listed.data] == [told.id, lost.id]


async def test_event_keeps_the_object_as_it_was(stand_in: StandIn, receiver: Receiver):
    sdk = stand_in.sdk()
    intent = await take_payment(sdk)
    await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1000})
    await sdk.v1.refunds.create_async({"payment_intent": intent.id, "amount": 500})
    await receiver.wait_for(5)
    refunded = [event.data.object["amount_refunded"] for event in receiver.events if event.type == "charge.refunded"]
    assert refunded == [1000, 1500]


async def stand_in_is_quiet(stand_in: StandIn) -> None:
    """Waits until nothing more will be sent."""
    for _ in range(500):
        state = (await stand_in.control.get("/_stand_in/state")).json()
        if not {"waiting", "held"} & state["webhook_deliveries"].keys():
            return
    raise AssertionError(state["webhook_deliveries"])


def test_signature_is_that_of_the_sdk():
    expected = stripe.WebhookSignature.generate_signature_header('{"é":1}', "whsec_x", 1700000000)
    assert sign('{"é":1}'.encode(), "whsec_x", 1700000000) == expected
