"""From the event to the mail: once for each event, at least once for each message, whatever dies in between."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from services.kit.database import WriteSession
from services.kit.errors import Unavailable
from services.ticketing.access.rules import order_token
from services.ticketing.ledger.actions import NewEvent, append
from services.ticketing.messages.actions import TooManyMessages, request_message
from services.ticketing.messages.jobs import MessageJobs, Posting
from services.ticketing.messages.letters.wording import WORDS
from services.ticketing.messages.mailers.mailer import MailDelayed, MailRefused
from services.ticketing.messages.rules import address_hash
from services.ticketing.orders.queries import Order
from services.ticketing.orders.requests import Cancellation, Confirmation, Customer, Exchange
from services.ticketing.tickets.documents.pool import RenderPool
from tests.services.ticketing.messages.post import SENDER, PostOffice, attachments_of, bare, html_of, text_of
from tests.services.ticketing.shop import ADA, Shop, key, order


async def bought(shop: Shop, **when: timedelta) -> Order:
    return await shop.buy((await shop.slot(**when), shop.free_id, 2))


async def test_confirmation_carries_tickets_calendar_and_link(shop: Shop, post: PostOffice):
    order = await bought(shop)
    (mail,) = await post.work()
    assert (bare(mail["To"]), bare(mail["From"])) == (ADA.email, SENDER)
    assert order.reference in mail["Subject"]
    name = f"{order.reference}-{order.tickets[0].number}"
    files = attachments_of(mail)
    assert sorted(files) == [f"{name}.ics", f"{name}.pdf"]
    assert files[f"{name}.pdf"].startswith(b"%PDF-")
    assert files[f"{name}.ics"].count(b"BEGIN:VEVENT") == 1
    token = order_token(shop.resources.site.secret, shop.tenant, order.id)
    link = f"http://127.0.0.1:9/{shop.slug}/orders/{order.id}?access_token={token}"
    assert link in text_of(mail)
    assert f"{link}&amp;lang=fr" in html_of(mail)
    assert "2 × Gratuit" in text_of(mail)
    assert ADA.name in html_of(mail)
    assert (mail["Auto-Submitted"], mail["Content-Language"]) == ("auto-generated", "fr")
    assert "List-Unsubscribe" not in mail


async def test_event_becomes_one_message_however_often_it_is_told(shop: Shop, post: PostOffice):
    await bought(shop)
    await post.jobs.relay()
    await shop.owner.execute(
        "UPDATE ticketing.message_cursors SET sequence = 0 WHERE establishment_id = $1", shop.tenant
    )
    await asyncio.gather(post.jobs.relay(), post.jobs.relay())
    assert sorted(kind for kind, *_ in await post.states()) == ["order_confirmed", "visit_reminder"]


async def test_old_news_are_told_to_nobody(shop: Shop, post: PostOffice):
    await bought(shop)
    shop.clock.advance(days=4)
    assert await post.work() == []
    assert await post.states() == []


async def test_held_order_that_is_let_go_is_told_to_nobody(shop: Shop, post: PostOffice):
    held = await shop.hold((await shop.slot(), shop.free_id, 1), customer=ADA)
    await shop.desk.after_sales.cancel(shop.staff, held, Cancellation(), key())
    assert await post.work() == []


async def test_cancellation_tells_what_is_left(shop: Shop, post: PostOffice):
    order = await bought(shop)
    await post.work()
    first, second = order.tickets
    await shop.desk.after_sales.cancel(shop.staff, order, Cancellation(ticket_ids=[first.id]), key("one"))
    (partly,) = await post.work()
    assert f"n° {first.number}." in text_of(partly)
    assert sorted(attachments_of(partly)) == [f"{order.reference}-{second.number}.{kind}" for kind in ("ics", "pdf")]
    await shop.desk.after_sales.cancel(shop.staff, await shop.read(order), Cancellation(), key("all"))
    (wholly,) = await post.work()
    assert "Votre commande est annulée" in text_of(wholly)
    assert attachments_of(wholly) == {}


async def test_confirmation_overtaken_by_a_cancellation_is_dropped(shop: Shop, post: PostOffice):
    order = await bought(shop)
    await shop.desk.after_sales.cancel(shop.staff, order, Cancellation(), key())
    mails = await post.work()
    assert [mail["Subject"].split(" –")[0] for mail in mails] == ["Annulation"]
    assert ("order_confirmed", "dropped", "no_valid_tickets") in await post.states()


async def test_exchange_sends_the_new_tickets_and_moves_the_reminder(shop: Shop, post: PostOffice):
    order = await bought(shop)
    await post.work()
    later = await shop.slot(starts_in=timedelta(days=9))
    ids = [ticket.id for ticket in order.tickets]
    await shop.desk.after_sales.exchange(shop.staff, order, Exchange(ticket_ids=ids, slot_id=later), key())
    (mail,) = await post.work()
    assert "nouveaux billets" in mail["Subject"]
    await post.pass_time("visit_reminder")
    assert await post.work() == []
    reminders = [state for kind, state, _ in await post.states() if kind == "visit_reminder"]
    assert sorted(reminders) == ["dropped", "queued"]


async def test_refund_is_told_once_it_was_sent(shop: Shop, post: PostOffice):
    order = await shop.buy((await shop.slot(), shop.full_id, 1), method="stripe")
    await shop.pay(order)
    await shop.tell()
    await post.work()
    await shop.desk.after_sales.cancel(shop.staff, await shop.read(order), Cancellation(), key())
    (cancelled,) = await post.work()
    assert "remboursé" in text_of(cancelled)
    await shop.jobs._send_refunds(shop.tenant)
    (refunded,) = await post.work()
    assert "Remboursement de 15,00" in refunded["Subject"]
    assert "jours ouvrés" in text_of(refunded)


async def test_reminder_leaves_at_ten_the_day_before(shop: Shop, post: PostOffice):
    order = await bought(shop, starts_in=timedelta(days=5))
    await post.work()
    (due_at,) = [row["due_at"] for row in await post.rows() if row["kind"] == "visit_reminder"]
    local = due_at.astimezone(ZoneInfo("Europe/Paris"))
    start = order.tickets[0].starts_at.astimezone(ZoneInfo("Europe/Paris"))
    assert (local.hour, local.minute, local.date()) == (10, 0, start.date() - timedelta(days=1))
    shop.clock.moment = due_at - timedelta(seconds=1)
    assert await post.work() == []
    shop.clock.moment = due_at + timedelta(seconds=1)
    (mail,) = await post.work()
    assert mail["Subject"].startswith("Rappel : Visite, ")
    assert "/reminder-refusals/" in mail["List-Unsubscribe"]
    assert mail["List-Unsubscribe"].strip("<>") in text_of(mail)


async def test_visit_of_the_next_hours_is_reminded_of_by_nobody(shop: Shop, post: PostOffice):
    await bought(shop, starts_in=timedelta(hours=3))
    await post.work()
    assert [kind for kind, *_ in await post.states()] == ["order_confirmed"]


async def test_who_wants_no_reminders_gets_none(shop: Shop, post: PostOffice):
    await bought(shop)
    await post.work()
    hashed = address_hash(shop.resources.site.secret, shop.tenant, ADA.email)
    insert = "INSERT INTO ticketing.reminder_refusals (establishment_id, address_hash) VALUES ($1, $2)"
    await shop.owner.execute(insert, shop.tenant, hashed)
    await post.pass_time("visit_reminder")
    assert await post.work() == []
    assert ("visit_reminder", "dropped", "not_wanted") in await post.states()


async def test_what_cannot_be_sent_is_tried_again_for_a_day(shop: Shop, post: PostOffice):
    await bought(shop)
    post.kept.failure = MailDelayed("smtp 451")
    assert await post.work() == []
    (row,) = [row for row in await post.rows() if row["kind"] == "order_confirmed"]
    assert (row["state"], row["attempts"], row["last_error"]) == ("queued", 1, "smtp 451")
    pauses = [(row["next_attempt_at"] - shop.clock.now()).total_seconds()]
    for _ in range(9):
        shop.clock.moment = row["next_attempt_at"]
        await post.work()
        (row,) = [row for row in await post.rows() if row["kind"] == "order_confirmed"]
        pauses.append((row["next_attempt_at"] - shop.clock.now()).total_seconds())
    assert all(min(30 * 2**step, 3600) / 2 <= seconds <= 3600 for step, seconds in enumerate(pauses))
    shop.clock.advance(hours=24)
    await post.work()
    assert [state for kind, state, _ in await post.states() if kind == "order_confirmed"] == ["failed"]


async def test_mail_that_will_never_be_taken_is_given_up_at_once(shop: Shop, post: PostOffice):
    await bought(shop)
    post.kept.failure = MailRefused("smtp 550")
    await post.work()
    assert ("order_confirmed", "failed", "smtp 550") in await post.states()


async def test_one_that_fails_keeps_no_other_from_leaving(shop: Shop, post: PostOffice):
    unlucky = await bought(shop)
    await shop.owner.execute("UPDATE ticketing.orders SET customer_email = 'a@b@c' WHERE id = $1", unlucky.id)
    await bought(shop)
    (mail,) = await post.work()
    assert bare(mail["To"]) == ADA.email
    assert ("order_confirmed", "failed", "address") in await post.states()


async def test_lost_answer_sends_again_under_the_same_name(shop: Shop, post: PostOffice):
    await bought(shop)
    post.kept.failure, post.kept.loses_answer = MailDelayed("smtp timeout"), True
    (first,) = await post.work()
    post.kept.failure = None
    shop.clock.advance(minutes=2)
    (second,) = await post.work()
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


async def test_crash_between_sending_and_recording_sends_again(shop: Shop, post: PostOffice):
    await bought(shop)
    await post.jobs.relay()

    # The server has the mail, and the process is gone before it can say so.
    post.kept.failure, post.kept.loses_answer = asyncio.CancelledError(), True
    with pytest.raises(asyncio.CancelledError):
        await post.jobs.send()
    assert [state for kind, state, _ in await post.states() if kind == "order_confirmed"] == ["sending"]
    post.kept.failure = None
    # Its lease still runs: nobody else takes it.
    assert await post.work() == []
    shop.clock.advance(minutes=6)
    (again,) = await post.work()
    assert again["Message-ID"] == post.kept.mails[0].content["Message-ID"]
    assert ("order_confirmed", "sent", "") in await post.states()


async def test_two_workers_send_each_message_once(shop: Shop, post: PostOffice, renders: RenderPool):
    for _ in range(10):
        await bought(shop)
    other = MessageJobs(shop.resources, Posting(post.kept, SENDER), renders)
    await asyncio.gather(post.jobs.relay(), other.relay())
    await asyncio.gather(post.jobs.send(), other.send())
    ids = [mail.id for mail in post.kept.mails]
    assert len(ids) == len(set(ids)) == 10


async def test_database_away_after_the_mail_left_is_a_lease_that_ends(
    shop: Shop, post: PostOffice, monkeypatch: pytest.MonkeyPatch
):
    await bought(shop)
    await post.jobs.relay()

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("The database is away.")

    with monkeypatch.context() as patched:
        patched.setattr("services.ticketing.messages.jobs.mark_sent", away)
        with pytest.raises(Unavailable):
            await post.jobs.send()
    shop.clock.advance(minutes=6)
    assert len(await post.work()) == 1
    assert len({mail.id for mail in post.kept.mails}) == 1


async def test_without_a_mail_server_messages_wait_and_are_given_up_after_a_day(
    shop: Shop, post: PostOffice, renders: RenderPool
):
    await bought(shop)
    unposted = MessageJobs(shop.resources, None, renders)
    await unposted.relay()
    await unposted.send()
    assert ("order_confirmed", "queued", "") in await post.states()
    shop.clock.advance(hours=25)
    assert await post.work() == []
    assert ("order_confirmed", "failed", "too_late") in await post.states()


async def test_order_without_an_address_is_told_nothing(shop: Shop, post: PostOffice):
    order = await bought(shop)
    await shop.owner.execute("UPDATE ticketing.orders SET customer_email = '' WHERE id = $1", order.id)
    assert await post.work() == []
    assert await post.states() == []


async def offered(shop: Shop) -> Order:
    """As a waiting list does it: a held order, and an event about it."""
    held = await shop.hold((await shop.slot(), shop.full_id, 2), customer=ADA)
    event = NewEvent("waiting_list.offered", f"order:{held.id}", {"places": 2})
    await shop.database.write(shop.tenant, partial(append_event, tenant=shop.tenant, event=event))
    return held


async def append_event(session: WriteSession, tenant: UUID, event: NewEvent) -> None:
    await append(session, tenant, event)


async def test_offer_to_who_waited_says_until_when(shop: Shop, post: PostOffice):
    held = await offered(shop)
    (mail,) = await post.work()
    assert mail["Subject"] == "Des places pour vous : Visite"
    assert "Nombre de places gardées pour vous : 2." in text_of(mail)
    assert f"/orders/{held.id}?access_token=" in text_of(mail)
    assert attachments_of(mail) == {}


async def test_offer_that_is_over_is_told_to_nobody(shop: Shop, post: PostOffice):
    await offered(shop)
    shop.clock.advance(minutes=20)
    assert await post.work() == []
    assert await post.states() == [("waiting_list_offer", "dropped", "offer_over")]


@pytest.mark.parametrize(
    ("known", "reads", "written", "named"),
    [
        ("{fr,en}", "fr", "fr", "Ihre Karten – Musée"),
        ("{fr,en}", "en", "en", "Ihre Karten – Museum"),
        ("{fr,en}", "de", "de", "Ihre Karten – Museum"),
        ("{it,fr}", "de", "de", "Ihre Karten – Museo"),
        ("{fr,en}", "nl", "en", "Ihre Karten – Museum"),
        ("{it}", "nl", "it", "Ihre Karten – Museo"),
    ],
)
async def test_visitor_is_written_to_in_their_language_and_the_establishment_named_in_its_nearest(
    shop: Shop, post: PostOffice, known: str, reads: str, written: str, named: str
):
    change = "UPDATE ticketing.establishments SET languages = $2, name = $3 WHERE id = $1"
    name = '{"fr": "Musée", "en": "Museum", "it": "Museo"}'
    await shop.owner.execute(change, shop.tenant, known.strip("{}").split(","), name)
    shop.resources.establishments.forget(shop.tenant)
    customer = msgspec.structs.replace(ADA, language=reads)
    confirm = Confirmation(payment_method="free", customer=customer)
    await shop.hold((await shop.slot(), shop.free_id, 1), confirm=confirm)
    (mail,) = await post.work()
    tickets = WORDS[written].confirmed_subject.partition(" –")[0]
    assert mail["Content-Language"] == written
    assert mail["Subject"].startswith(named.replace("Ihre Karten", tickets))
    assert f"&lang={written}" in text_of(mail)


async def test_closed_visit_is_told_with_what_can_be_done(shop: Shop, post: PostOffice):
    slot = await shop.slot()
    order = await shop.buy((slot, shop.full_id, 2), method="stripe")
    await shop.pay(order)
    await shop.tell()
    await post.work()
    await shop.close_slots(slot)
    await shop.jobs.notice_closures()
    (mail,) = await post.work()
    assert mail["Subject"] == f"Fermeture : votre visite ne peut avoir lieu – Musée ({order.reference})"
    text = text_of(mail)
    for sentence in ("Musée doit fermer", "choisir une autre heure ou annuler", "vous êtes remboursé", "2 × Plein"):
        assert sentence in text
    assert f"/orders/{order.id}?access_token=" in text
    assert attachments_of(mail) == {}
    await shop.jobs.notice_closures()
    assert await post.work() == []


async def test_closed_visit_that_was_cancelled_meanwhile_is_told_to_nobody(shop: Shop, post: PostOffice):
    slot = await shop.slot()
    order = await shop.buy((slot, shop.free_id, 1))
    await post.work()
    await shop.close_slots(slot)
    await shop.jobs.notice_closures()
    await post.jobs.relay()
    await shop.desk.after_sales.cancel(shop.staff, await shop.read(order), Cancellation(), key())
    (mail,) = await post.work()
    assert mail["Subject"].startswith("Annulation")
    assert ("visit_closed", "dropped", "no_valid_tickets") in await post.states()


async def test_one_address_gets_ten_mails_an_hour_and_thirty_a_day(shop: Shop, post: PostOffice):
    slot = await shop.slot(100)
    for _ in range(32):
        await shop.buy((slot, shop.free_id, 1))
    other = await shop.hold(
        (slot, shop.free_id, 1),
        confirm=Confirmation("free", Customer(name="Grace Hopper", email="grace@example.org")),
    )
    mails = await post.work()
    assert sorted(bare(mail["To"]) for mail in mails) == [ADA.email] * 10 + ["grace@example.org"]
    confirmed = [row for row in await post.rows() if row["kind"] == "order_confirmed"]
    told = Counter((row["state"], row["last_error"]) for row in confirmed)
    assert told == {("sent", ""): 11, ("queued", ""): 20, ("dropped", "too_many_to_address"): 2}
    first = next(row for row in confirmed if row["state"] == "sent" and row["order_id"] != other.id)
    again = partial(request_message, establishment_id=shop.tenant, order_id=first["order_id"], now=shop.clock.now())
    with pytest.raises(TooManyMessages):
        await shop.database.write(shop.tenant, again)
    shop.clock.advance(hours=1, minutes=1)
    assert len(await post.work()) == 20


async def test_orders_of_the_establishment_s_own_desk_are_not_counted(shop: Shop, post: PostOffice):
    slot = await shop.slot(100)
    wanted = order((slot, shop.free_id, 1), channel="desk", confirm=Confirmation("free", ADA))
    for _ in range(12):
        await shop.desk.create(shop.staff, wanted, None)
    assert len(await post.work()) == 12


async def test_messages_are_forgotten_after_four_hundred_days_unless_they_wait(shop: Shop, post: PostOffice):
    await bought(shop)
    await post.work()
    shop.clock.advance(days=399)
    await post.jobs.forget()
    assert len(await post.rows()) == 2
    shop.clock.advance(days=2)
    await post.jobs.forget()
    assert [(row["kind"], row["state"]) for row in await post.rows()] == [("visit_reminder", "queued")]
