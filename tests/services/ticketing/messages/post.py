"""A shop with its post office: mail is taken in by a mailer that keeps it, or fails as it is told."""

from datetime import timedelta
from email.message import EmailMessage
from email.utils import parseaddr

import asyncpg

from services.ticketing.messages.jobs import MessageJobs, Posting
from services.ticketing.messages.mailers.mailer import Mail
from services.ticketing.tickets.documents.pool import RenderPool
from tests.services.ticketing.shop import Shop

SENDER = "tickets@parvis.example"
STATES = """
SELECT kind, state, last_error FROM ticketing.messages WHERE establishment_id = $1 ORDER BY created_at, kind"""


class KeptMail:
    """A mailer that keeps what it is given; `failure` is raised after or before it did."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.failure: BaseException | None = None
        self.loses_answer = False

    async def send(self, mail: Mail) -> None:
        if self.failure is None or self.loses_answer:
            self.mails.append(mail)
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Nothing is open."""


class PostOffice:
    def __init__(self, shop: Shop, renders: RenderPool) -> None:
        self.shop = shop
        self.kept = KeptMail()
        self.jobs = MessageJobs(shop.resources, Posting(self.kept, SENDER), renders)

    async def work(self) -> list[EmailMessage]:
        """One round of both loops; the mails that left in it."""
        before = len(self.kept.mails)
        await self.jobs.relay()
        await self.jobs.send()
        return [mail.content for mail in self.kept.mails[before:]]

    async def states(self) -> list[tuple[str, str, str]]:
        rows = await self.shop.owner.fetch(STATES, self.shop.tenant)
        return [(row["kind"], row["state"], row["last_error"]) for row in rows]

    async def pass_time(self, kind: str) -> None:
        """Until just after the first of this kind is due."""
        due = [row["due_at"] for row in await self.rows() if row["kind"] == kind]
        self.shop.clock.moment = min(due) + timedelta(seconds=1)

    async def rows(self) -> list[asyncpg.Record]:
        sql = "SELECT * FROM ticketing.messages WHERE establishment_id = $1 ORDER BY due_at, kind"
        return await self.shop.owner.fetch(sql, self.shop.tenant)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def html_of(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def attachments_of(mail: EmailMessage) -> dict[str, bytes]:
    found = {}
    for part in mail.iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[part.get_filename() or ""] = content
    return found


def bare(header: str) -> str:
    return parseaddr(header)[1]
