"""Two loops of the worker: one turns events into messages, one sends them (docs/decisions/0018).

Any number of workers may run both. What may happen at each step, and what then:

- The relay dies: its transaction is gone, cursor and messages alike; the next one begins where it began.
- The sender dies before the server has the mail, or before we know: the message stays `sending` until its lease ends,
  then somebody sends it (again), with the same Message-ID. Mail is sent at least once; mailboxes hide a repetition.
- The server has it and our database does not answer: the same.
- The server does not answer: it is tried again with growing pauses, for a day.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import msgspec
import structlog

from services.kit.errors import NotFound, Refused, Unavailable
from services.ticketing.access.rules import order_token
from services.ticketing.establishments.queries import Establishment, list_ids
from services.ticketing.messages.actions import CLAIMED_AT_ONCE, claim, forget_messages, mark_sent, mark_unsent, tell
from services.ticketing.messages.letters.composing import Attachment, Heads, compose
from services.ticketing.messages.letters.rendering import Stationery
from services.ticketing.messages.letters.writing import Letter, NothingToTell, Occasion, write
from services.ticketing.messages.mailers.mailer import Mail, MailDelayed, Mailer, MailRefused
from services.ticketing.messages.queries import (
    Message,
    establishments_with_mail,
    establishments_with_news,
    refunded_minor,
    wants_no_reminders,
)
from services.ticketing.messages.rules import GIVES_UP_AFTER, address_hash, language_of, pause, refusal_token
from services.ticketing.orders.checkout import Resources
from services.ticketing.orders.documents import ticket_documents
from services.ticketing.orders.queries import Order, find_order
from services.ticketing.tickets.documents import calendar_entry, formats
from services.ticketing.tickets.documents.document import TicketDocument
from services.ticketing.tickets.documents.pool import RenderPool

log = structlog.get_logger()
# Times so many before the next establishment: to ask who has mail costs more, the more mail waits.
TURNS = 25
# Longer than the longest attempt, so that nobody sends beside a sender who still lives.
LEASE = timedelta(minutes=5)
LONGEST_ATTEMPT_SECONDS = 240


class Posting(msgspec.Struct, frozen=True):
    """How mail leaves this process. `sender` is the bare address that all mail comes from."""

    mailer: Mailer
    sender: str


class MessageJobs:
    def __init__(self, resources: Resources, posting: Posting | None, renders: RenderPool) -> None:
        """Without a `posting` messages are written and wait."""
        self._resources = resources
        self._database = resources.database
        self._posting = posting
        self._renders = renders
        self._stationery = Stationery()

    async def relay(self) -> None:
        """Every establishment's news. One establishment's trouble does not stop the others."""
        for tenant in await self._database.read_instance(establishments_with_news):
            try:
                await self._relay(tenant)
            except (Unavailable, Refused) as error:
                log.warning("relay_waits", establishment=str(tenant), reason=type(error).__name__)
            except Exception:
                log.exception("relay_failed", establishment=str(tenant))

    async def send(self) -> None:
        """All that is due, in turns: an establishment with ten thousand mails keeps nobody else waiting."""
        while self._posting is not None and await self._send_some(self._posting):
            pass

    async def forget(self) -> None:
        """What was sent long ago: an address and a kind are personal data too."""
        for tenant in await self._database.read_instance(list_ids):
            old = partial(forget_messages, establishment_id=tenant, now=self._resources.clock.now())
            while await self._database.write(tenant, old):
                pass

    async def _relay(self, tenant: UUID) -> None:
        while True:
            establishment = await self._resources.establishments.get(tenant)
            catalogue = await self._resources.catalogues.get(tenant)
            now = self._resources.clock.now()
            told = partial(tell, establishment=establishment, catalogue=catalogue, now=now)
            if not await self._database.write(tenant, told):
                return

    async def _send_some(self, posting: Posting) -> int:
        now = self._resources.clock.now()
        taken = 0
        for tenant in await self._database.read_instance(partial(establishments_with_mail, now=now)):
            for _ in range(TURNS):
                sent = await self._send_of(tenant, posting)
                taken += sent
                if sent < CLAIMED_AT_ONCE:
                    break
        return taken

    async def _send_of(self, tenant: UUID, posting: Posting) -> int:
        now = self._resources.clock.now()
        mine = partial(claim, establishment_id=tenant, now=now, until=now + LEASE)
        due = await self._database.write(tenant, mine)
        ended = await asyncio.gather(
            *(self._attempt(tenant, message, posting) for message in due), return_exceptions=True
        )
        for error in ended:
            # What could not be recorded: its lease will end.
            if error is not None:
                raise error
        return len(due)

    async def _attempt(self, tenant: UUID, message: Message, posting: Posting) -> None:
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT_SECONDS):
                await posting.mailer.send(await self._made(tenant, message, posting.sender))
        except NothingToTell as nothing:
            await self._record(tenant, message, str(nothing), state="dropped")
        except MailRefused as refused:
            log.warning("mail_refused", message=str(message.id), kind=message.kind, reason=str(refused))
            await self._record(tenant, message, str(refused), state="failed")
        except MailDelayed as delayed:
            await self._again(tenant, message, str(delayed))
        except (Unavailable, Refused, TimeoutError) as error:
            await self._again(tenant, message, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - one message that cannot be written keeps no other from leaving
            # Neither text nor traceback: either may quote the mail.
            log.error("mail_bug", message=str(message.id), kind=message.kind, error=type(error).__name__, at=_at(error))  # noqa: TRY400
            await self._again(tenant, message, f"bug {type(error).__name__}")
        else:
            sent = partial(mark_sent, establishment_id=tenant, message_id=message.id, now=self._resources.clock.now())
            await self._database.write(tenant, sent)

    async def _again(self, tenant: UUID, message: Message, error: str) -> None:
        """After a pause, or never if a day has passed."""
        log.warning("mail_delayed", message=str(message.id), kind=message.kind, attempts=message.attempts, reason=error)
        again_at = self._resources.clock.now() + pause(message.attempts)
        over = again_at > message.due_at + GIVES_UP_AFTER
        await self._record(tenant, message, error, state="failed" if over else "queued")

    async def _record(self, tenant: UUID, message: Message, error: str, *, state: str) -> None:
        again_at = self._resources.clock.now() + pause(message.attempts)
        unsent = partial(
            mark_unsent, establishment_id=tenant, message=message, error=error, state=state, again_at=again_at
        )
        await self._database.write(tenant, unsent)

    async def _made(self, tenant: UUID, message: Message, sender: str) -> Mail:
        """The whole mail. Raises `NothingToTell`, `MailRefused` for an address that is none."""
        if message.due_at + GIVES_UP_AFTER < self._resources.clock.now():
            # It waited for a mail server that was never there.
            raise MailRefused("too_late")
        establishment = await self._resources.establishments.get(tenant)
        letter = write(await self._occasion(establishment, message))
        heads = Heads(
            id=str(message.id),
            date=message.due_at,
            sender=sender,
            recipient=message.recipient,
            reply_to=establishment.contact_email,
        )
        return compose(letter, heads, await self._attachments(letter), self._stationery)

    async def _occasion(self, establishment: Establishment, message: Message) -> Occasion:
        tenant, resources = establishment.id, self._resources
        names_language = language_of(message.language, establishment)
        # What we say ourselves is in the visitor's language also where the establishment says nothing in it.
        language = message.language if message.language in formats.LANGUAGES else formats.supported(names_language)
        occasion = Occasion(
            message=message,
            establishment=establishment,
            catalogue=await resources.catalogues.get(tenant),
            language=language,
            names_language=names_language,
            now=resources.clock.now(),
        )
        if message.kind == "visit_reminder":
            await self._check_welcome(tenant, message)
        if message.order_id is None:
            return occasion
        order = await self._order(tenant, message.order_id)
        refund_id = message.data.get("refund_id")
        return msgspec.structs.replace(
            occasion,
            catalogue=await resources.catalogues.knowing(tenant, order.tickets),
            order=order,
            documents=await self._documents(establishment, order, names_language),
            order_url=self._order_url(establishment, order.id, language),
            stop_url=self._stop_url(establishment, order.id),
            refunded_minor=await self._refunded(tenant, UUID(refund_id)) if refund_id else 0,
        )

    async def _order(self, tenant: UUID, order_id: UUID) -> Order:
        try:
            return await self._database.read(tenant, lambda session: find_order(session, tenant, order_id))
        except NotFound:
            raise NothingToTell("no_order") from None

    async def _documents(self, establishment: Establishment, order: Order, language: str) -> list[TicketDocument]:
        resources = self._resources
        valid = [ticket for ticket in order.tickets if ticket.status == "valid"]
        if not valid:
            return []
        return ticket_documents(
            msgspec.structs.replace(order, language=language),
            valid,
            establishment,
            await resources.catalogues.knowing(establishment.id, valid),
            await resources.keyrings.get(establishment.id),
        )

    async def _check_welcome(self, tenant: UUID, message: Message) -> None:
        hashed = address_hash(self._resources.site.secret, tenant, message.recipient)
        if await self._database.read(tenant, lambda session: wants_no_reminders(session, tenant, hashed)):
            raise NothingToTell("not_wanted")

    async def _refunded(self, tenant: UUID, refund_id: UUID) -> int:
        return await self._database.read(tenant, lambda session: refunded_minor(session, tenant, refund_id))

    async def _attachments(self, letter: Letter) -> list[Attachment]:
        if not letter.attached:
            return []
        name = f"{letter.attached[0].order_reference}-{letter.attached[0].number}"
        pages = await self._renders.render(letter.attached, letter.language)
        entries = calendar_entry.ics(_one_per_visit(letter.attached), letter.language)
        return [Attachment(f"{name}.pdf", "pdf", pages), Attachment(f"{name}.ics", "calendar", entries)]

    def _order_url(self, establishment: Establishment, order_id: UUID, language: str) -> str:
        token = order_token(self._resources.site.secret, establishment.id, order_id)
        page = f"{self._resources.site.public_url}/{establishment.slug}/orders/{order_id}"
        return f"{page}?access_token={token}&lang={language}"

    def _stop_url(self, establishment: Establishment, order_id: UUID) -> str:
        token = refusal_token(self._resources.site.secret, establishment.id, order_id)
        base = f"{self._resources.site.public_url}/v1/establishments/{establishment.slug}"
        return f"{base}/reminder-refusals/{token}"


def _one_per_visit(documents: Sequence[TicketDocument]) -> list[TicketDocument]:
    """Five tickets for one hour are one entry in a calendar."""
    visits = {(document.offer_name, document.starts_at): document for document in reversed(documents)}
    return sorted(visits.values(), key=lambda document: document.starts_at)


def _at(error: Exception) -> str:
    """Where it happened."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback else ""
