"""The mailbox of an instance without a mail server: for those who may look, and harmless whatever a mail holds."""

from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from litestar.types import HTTPScope

from gateway.mailbox import Mailbox
from gateway.replies import Reply
from parvis.errors import CannotProceed
from parvis.mail import mail_folder, mailbox_folder, make_posting
from parvis.settings import Settings
from services.kit.errors import NotFound
from services.ticketing.messages.mailers.folder import FolderMailer
from services.ticketing.messages.mailers.mailer import Mail
from services.ticketing.messages.mailers.smtp import SmtpMailer

NAME = "0b7e0000-0000-8000-8000-000000000001"
EVIL = "<script>alert(1)</script>"


async def ask(mailbox: Mailbox, path: str, client: str = "127.0.0.1", **headers: str) -> Reply:
    scope = {
        "path": path,
        "client": (client, 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    return await mailbox.reply(cast("HTTPScope", scope))


@pytest_asyncio.fixture
async def folder(tmp_path: Path) -> Path:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "tickets@parvis.example", "ada@example.org", f"Billets {EVIL}"
    mail["Date"] = "Tue, 01 Dec 2026 09:00:00 +0000"
    mail.set_content(f"Bonjour {EVIL}")
    mail.add_alternative(f"<p>Bonjour</p>{EVIL}", subtype="html")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename='a";x=é.pdf')
    mail.add_attachment(b"<html>", maintype="text", subtype="html", filename="b.html")
    await FolderMailer(tmp_path).send(Mail(NAME, "tickets@parvis.example", "ada@example.org", mail))
    assert (tmp_path / f"{NAME}.eml").read_bytes().count(b"\n") == mail.as_bytes(policy=SMTP).count(b"\n")
    return tmp_path


async def test_mails_are_listed_and_shown_escaped(folder: Path):
    mailbox = Mailbox(folder, for_all=False)
    listed = await ask(mailbox, "/demo/mailbox")
    shown = await ask(mailbox, f"/demo/mailbox/{NAME}")
    assert f"/demo/mailbox/{NAME}".encode() in listed.body
    assert b"2026-12-01 09:00 UTC" in listed.body
    for reply in (listed, shown):
        assert b"<script" not in reply.body
        assert b"script-src" not in dict(reply.headers)[b"content-security-policy"]
        assert b"default-src 'none'" in dict(reply.headers)[b"content-security-policy"]


async def test_html_of_a_mail_is_sandboxed(folder: Path):
    reply = await ask(Mailbox(folder, for_all=False), f"/demo/mailbox/{NAME}/html")
    policy = dict(reply.headers)[b"content-security-policy"].decode()
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy


async def test_attachments_are_downloads_of_harmless_types(folder: Path):
    mailbox = Mailbox(folder, for_all=False)
    pdf, html = [await ask(mailbox, f"/demo/mailbox/{NAME}/{number}") for number in "01"]
    assert (pdf.media_type, pdf.body) == (b"application/pdf", b"%PDF-")
    assert html.media_type == b"application/octet-stream"
    for reply in (pdf, html):
        disposition = dict(reply.headers)[b"content-disposition"]
        assert disposition.startswith(b"attachment; filename=")
        assert disposition.count(b'"') == 2
        assert b"\n" not in disposition


@pytest.mark.parametrize("path", ["/x", "/../secret", f"/{NAME}/9", f"/{NAME}/html/more", "/..%2fsecret", "/." + NAME])
async def test_nothing_else_is_in_the_mailbox(folder: Path, path: str):
    (folder.parent / "secret.eml").write_text("Subject: secret\n\n")
    with pytest.raises(NotFound):
        await ask(Mailbox(folder, for_all=True), f"/demo/mailbox{path}")


async def test_empty_mailbox_says_so(tmp_path: Path):
    reply = await ask(Mailbox(tmp_path / "not yet", for_all=False), "/demo/mailbox")
    assert b"Nothing has been sent yet" in reply.body


async def test_other_machines_see_nothing_unless_it_is_a_demo(folder: Path):
    for client, headers in (("10.0.0.7", {}), ("127.0.0.1", {"x_forwarded_for": "10.0.0.7"})):
        with pytest.raises(NotFound):
            await ask(Mailbox(folder, for_all=False), "/demo/mailbox", client, **headers)
        assert (await ask(Mailbox(folder, for_all=True), "/demo/mailbox", client, **headers)).status == 200


def test_mailbox_is_closed_where_mail_is_sent_or_others_come():
    local = Settings(data="/d", public_url="http://127.0.0.1:8000")
    assert mailbox_folder(local) == mail_folder(local) == Path("/d/mail")
    public = Settings(data="/d", public_url="https://tickets.example.org")
    assert (mail_folder(public), mailbox_folder(public)) == (Path("/d/mail"), None)
    sent = Settings(data="/d", public_url="http://127.0.0.1:8000", smtp_url="smtp://mail.example.org")
    assert (mail_folder(sent), mailbox_folder(sent)) == (None, None)


def test_posting_follows_from_the_settings():
    settings = Settings(public_url="https://tickets.example.org", smtp_url="smtp://mail.example.org")
    posting = make_posting(settings)
    assert posting is not None
    assert (type(posting.mailer), posting.sender) == (SmtpMailer, "no-reply@tickets.example.org")
    assert make_posting(Settings()) is None


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        (Settings(smtp_url="http://ada:secret@mail.example.org"), "PARVIS_SMTP_URL"),
        (Settings(mail_from="Musée <a@example.org>"), "PARVIS_MAIL_FROM"),
        (Settings(mail_from="a@example.org\r\nBcc: b@example.org"), "PARVIS_MAIL_FROM"),
    ],
)
def test_what_cannot_be_understood_is_said_at_the_start_without_secrets(settings: Settings, variable: str):
    with pytest.raises(CannotProceed, match=variable) as refused:
        make_posting(settings)
    assert "secret" not in str(refused.value)
