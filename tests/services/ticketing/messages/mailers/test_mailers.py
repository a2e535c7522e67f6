"""What every mailer promises, tried on a real SMTP server and on a folder; then what only one of them can meet."""

import asyncio
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from services.ticketing.messages.mailers.folder import FolderMailer
from services.ticketing.messages.mailers.mailer import Mail, MailDelayed, Mailer, MailRefused
from services.ticketing.messages.mailers.smtp import SmtpMailer, SmtpSettings, read_smtp_url
from tests.services.ticketing.messages.servers import MailServer, mail_server


class Stage(msgspec.Struct):
    """A mailer, and what arrived through it."""

    mailer: Mailer
    arrived: Callable[[], list[EmailMessage]]


def mail(recipient: str = "ada@example.org", name: str = "0b7e") -> Mail:
    content = EmailMessage()
    content["From"], content["To"], content["Subject"] = "tickets@parvis.example", recipient, "Vos billets, été"
    content["Message-ID"] = f"<{name}@parvis.example>"
    content.set_content("Bonjour Ada,\n.\nà bientôt\n")
    content.add_attachment(bytes(range(256)) * 20, maintype="application", subtype="pdf", filename="a.pdf")
    return Mail(id=name, sender="tickets@parvis.example", recipient=recipient, content=content)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


@pytest_asyncio.fixture(params=["smtp", "folder"])
async def stage(request: pytest.FixtureRequest, server: MailServer, tmp_path: Path) -> AsyncIterator[Stage]:
    if request.param == "smtp":
        made = Stage(SmtpMailer(read_smtp_url(server.url)), lambda: [parsed(one.content) for one in server.taken])
    else:
        folder = tmp_path / "mail"
        made = Stage(FolderMailer(folder), lambda: [parsed(file.read_bytes()) for file in sorted(folder.iterdir())])
    yield made
    await made.mailer.close()


def parsed(content: object) -> EmailMessage:
    assert isinstance(content, bytes)
    message = message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


async def test_mail_arrives_whole(stage: Stage):
    await stage.mailer.send(mail())
    (arrived,) = stage.arrived()
    assert (arrived["Subject"], arrived["Message-ID"]) == ("Vos billets, été", "<0b7e@parvis.example>")
    body = arrived.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Bonjour Ada,", ".", "à bientôt"]
    (file,) = arrived.iter_attachments()
    assert file.get_content() == bytes(range(256)) * 20


async def test_same_mail_again_is_taken_again(stage: Stage):
    await stage.mailer.send(mail())
    await stage.mailer.send(mail())
    assert {arrived["Message-ID"] for arrived in stage.arrived()} == {"<0b7e@parvis.example>"}


async def test_mails_at_the_same_moment_all_arrive(stage: Stage):
    await asyncio.gather(*(stage.mailer.send(mail(name=f"{number:04}")) for number in range(10)))
    assert sorted(one["Message-ID"] for one in stage.arrived()) == [f"<{n:04}@parvis.example>" for n in range(10)]


async def test_recipient_that_does_not_exist_is_refused_without_being_named(server: MailServer):
    server.refuses["ada@example.org"] = "550 ada@example.org is unknown here"
    mailer = SmtpMailer(read_smtp_url(server.url))
    with pytest.raises(MailRefused) as refused:
        await mailer.send(mail())
    assert (refused.value.args, refused.value.__cause__) == (("smtp 550",), None)
    await mailer.send(mail("charles@example.org"))
    assert [one.rcpt_tos for one in server.taken] == [["charles@example.org"]]


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("ada@example.org", "450 try later", MailDelayed("smtp 450")),
        ("DATA", "451 greylisted", MailDelayed("smtp 451")),
        ("DATA", "554 looks like spam", MailRefused("smtp 554")),
        # Our own fault, which somebody will mend: the mail is kept.
        ("MAIL", "550 sender not allowed", MailDelayed("smtp 550")),
    ],
)
async def test_refusal_is_for_good_only_if_it_is_about_this_mail(
    server: MailServer, step: str, answer: str, error: Exception
):
    server.refuses[step] = answer
    with pytest.raises(type(error), match=f"^{error}$"):
        await SmtpMailer(read_smtp_url(server.url)).send(mail())


async def test_server_that_is_down_delays():
    with pytest.raises(MailDelayed, match="smtp SMTPConnectError"):
        await SmtpMailer(read_smtp_url("smtp://127.0.0.1:1")).send(mail())


async def test_server_that_does_not_answer_delays_within_the_limit(server: MailServer):
    server.pause = asyncio.Event()
    settings = SmtpSettings(host="127.0.0.1", port=server.port, use_tls=False, timeout_seconds=0.2)
    async with asyncio.timeout(2):
        with pytest.raises(MailDelayed, match="smtp timeout"):
            await SmtpMailer(settings).send(mail())
    # It has the mail all the same: this is why each attempt bears the same Message-ID.
    assert len(server.taken) == 1


async def test_server_that_cuts_the_line_delays():
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MailDelayed, match="smtp"):
            await SmtpMailer(read_smtp_url(f"smtp://127.0.0.1:{port}")).send(mail())


async def test_password_is_never_sent_in_clear_to_another_machine(server: MailServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("services.ticketing.messages.mailers.smtp.LOOPBACK", ())
    with pytest.raises(MailDelayed, match="smtp"):
        await SmtpMailer(read_smtp_url(f"smtp://ada:secret@127.0.0.1:{server.port}")).send(mail())
    assert server.taken == []


async def test_folder_that_cannot_be_written_delays(tmp_path: Path):
    (tmp_path / "mail").write_text("a file where the folder should be")
    with pytest.raises(MailDelayed, match="folder"):
        await FolderMailer(tmp_path / "mail").send(mail())


async def test_mail_in_a_folder_is_its_owner_s_alone(tmp_path: Path):
    await FolderMailer(tmp_path / "mail").send(mail())
    modes = [oct(path.stat().st_mode & 0o777) for path in (tmp_path / "mail", tmp_path / "mail" / "0b7e.eml")]
    assert modes == ["0o700", "0o600"]


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("smtp://mail.example.org", SmtpSettings("mail.example.org", 587, use_tls=False)),
        ("smtps://mail.example.org", SmtpSettings("mail.example.org", 465, use_tls=True)),
        (
            "smtps://a%40b:p%2Fw@[::1]:2465",
            SmtpSettings("::1", 2465, use_tls=True, username="a@b", password="p/w"),
        ),
    ],
)
def test_smtp_url_is_read(url: str, read: SmtpSettings):
    assert read_smtp_url(url) == read


@pytest.mark.parametrize(
    "url", ["mail.example.org:25", "http://mail.example.org", "smtp://", "smtp://h/path", "smtp://h:x"]
)
def test_smtp_url_that_is_none_is_refused(url: str):
    with pytest.raises(ValueError, match=r"it is not like|nothing follows|Port"):
        read_smtp_url(url)
