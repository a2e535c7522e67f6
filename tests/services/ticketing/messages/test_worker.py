"""The whole way, with a worker in a process of its own and a real mail server: from the purchase to the mailbox."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest_asyncio

from parvis.embedded.servers import EmbeddedServers
from parvis.settings import Settings
from tests.conftest import Instance
from tests.journeys.house import OURSELVES, variables
from tests.journeys.waiting import eventually
from tests.services.conftest import cloned
from tests.services.ticketing.messages.post import attachments_of, text_of
from tests.services.ticketing.messages.servers import MailServer, mail_server
from tests.services.ticketing.shop import ADA, Shop


@pytest_asyncio.fixture
async def instance(servers: EmbeddedServers, template: str) -> AsyncIterator[Instance]:
    async with cloned(servers, template, "parvis_worker_mail") as instance:
        yield instance


@asynccontextmanager
async def worker(settings: Settings, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            *OURSELVES, "worker", env=variables(settings), stdout=written, stderr=asyncio.subprocess.STDOUT
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 10)


async def test_purchase_reaches_the_mailbox_though_a_worker_dies_in_the_middle(
    shop: Shop, instance: Instance, tmp_path: Path
):
    log = tmp_path / "worker.log"
    async with mail_server() as server:
        secret = b64encode(shop.resources.site.secret).decode()
        settings = instance.settings(smtp_url=server.url, mail_from="tickets@parvis.example", secret=secret)
        server.pause = asyncio.Event()
        async with worker(settings, log) as first:
            order = await shop.buy((await shop.slot(), shop.free_id, 1))
            await eventually(lambda: taken(server, 1), seconds=20)
            # The server has the mail; the worker dies before it hears so.
            first.kill()
            await first.wait()
        assert await states(shop) == ["sending"]
        server.pause.set()
        server.pause = None
        await shop.owner.execute("UPDATE ticketing.messages SET next_attempt_at = now() WHERE state = 'sending'")
        async with worker(settings, log):
            await eventually(lambda: is_sent(shop), seconds=30)
    mails = [parsed(envelope.content) for envelope in server.taken]
    assert len(mails) == 2
    assert len({mail["Message-ID"] for mail in mails}) == 1
    assert [envelope.rcpt_tos for envelope in server.taken] == [[ADA.email]] * 2
    assert sorted(name.rpartition(".")[2] for name in attachments_of(mails[1])) == ["ics", "pdf"]
    assert order.reference in text_of(mails[1])
    # Nobody is named in a log.
    written = log.read_text()
    assert [word for word in (ADA.email, ADA.name, "access_token", "pvo_") if word in written] == []


async def taken(server: MailServer, count: int) -> bool:
    return len(server.taken) >= count


async def is_sent(shop: Shop) -> bool:
    return await states(shop) == ["sent"]


async def states(shop: Shop) -> list[str]:
    sql = "SELECT state FROM ticketing.messages WHERE establishment_id = $1 AND kind = 'order_confirmed'"
    return [row["state"] for row in await shop.owner.fetch(sql, shop.tenant)]


def parsed(content: object) -> EmailMessage:
    assert isinstance(content, bytes)
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message
