"""The mail of an instance that has no mail server, to be read in a browser: for a demo, and at one's own machine."""

import asyncio
import re
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import msgspec
from litestar.types import HTTPScope

from gateway.addresses import is_local
from gateway.headers import CONTENT_SECURITY_POLICY
from gateway.pages.rendering import page
from gateway.replies import HTML, Reply
from services.kit.errors import NotFound

PATH = "/demo/mailbox"
ROUTE = f"{PATH}/**"
NAME = re.compile(r"[0-9a-f-]{1,64}")
MOST_SHOWN = 100
LARGEST_BYTES = 20_000_000
FILE_TYPES = {"application/pdf": b"application/pdf", "text/calendar": b"text/calendar; charset=utf-8"}
PAGE_POLICY = CONTENT_SECURITY_POLICY + b"; frame-src 'self'"
# The mail's own HTML is let near nothing: no script, no origin, no request; its links open a page of their own.
LETTER_POLICY = (
    b"sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    b"frame-ancestors 'self'"
)


class Envelope(msgspec.Struct, frozen=True):
    name: str
    sender: str
    recipient: str
    subject: str
    date: str


class Mailbox:
    """Reads the folder that the worker writes. `for_all`: also for browsers on other machines."""

    def __init__(self, folder: Path, *, for_all: bool) -> None:
        self._folder = folder
        self._for_all = for_all

    async def reply(self, scope: HTTPScope) -> Reply:
        """Raises `NotFound` for whoever may not look, as if there were nothing."""
        if not self._for_all and not is_local(scope["client"], scope["headers"]):
            raise NotFound
        steps = [step for step in scope["path"].removeprefix(PATH).split("/") if step]
        return await asyncio.to_thread(self._reply, steps)

    def _reply(self, steps: list[str]) -> Reply:
        match steps:
            case []:
                return _framing(page("mailbox.html", {"envelopes": self._envelopes()}))
            case [name]:
                return self._letter(name)
            case [name, "html"]:
                return _own_html(self._read(name))
            case [name, number] if number.isdecimal():
                return _file(self._read(name), int(number))
        raise NotFound

    def _envelopes(self) -> list[Envelope]:
        """The newest first."""
        files = sorted(self._folder.glob("*.eml"), key=_written_at, reverse=True)[:MOST_SHOWN]
        return [_envelope(file.stem, self._read(file.stem)) for file in files if NAME.fullmatch(file.stem)]

    def _letter(self, name: str) -> Reply:
        mail = self._read(name)
        text = mail.get_body(("plain",))
        files = [part.get_filename() or "" for part in mail.iter_attachments()]
        values = {
            "envelope": _envelope(name, mail),
            "text": str(text.get_content()) if text else "",
            "files": list(enumerate(files)),
        }
        return _framing(page("mail.html", values))

    def _read(self, name: str) -> EmailMessage:
        file = self._folder / f"{name}.eml"
        if not NAME.fullmatch(name) or not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            raise NotFound
        # Its policy makes an EmailMessage of it, which the stubs do not know.
        mail: EmailMessage = message_from_bytes(file.read_bytes(), policy=default)
        return mail


def _envelope(name: str, mail: EmailMessage) -> Envelope:
    date = mail["Date"].datetime if mail["Date"] else None
    return Envelope(
        name=name,
        sender=str(mail["From"]),
        recipient=str(mail["To"]),
        subject=str(mail["Subject"]),
        date=f"{date:%Y-%m-%d %H:%M} UTC" if isinstance(date, datetime) else "",
    )


def _own_html(mail: EmailMessage) -> Reply:
    body = mail.get_body(("html",))
    if body is None:
        raise NotFound
    headers = ((b"content-security-policy", LETTER_POLICY),)
    return Reply(status=200, body=str(body.get_content()).encode(), media_type=HTML, headers=headers)


def _file(mail: EmailMessage, number: int) -> Reply:
    parts = list(mail.iter_attachments())
    if number >= len(parts):
        raise NotFound
    content = parts[number].get_payload(decode=True)
    name = re.sub(r"[^\w.-]", "_", parts[number].get_filename() or "file", flags=re.ASCII)
    return Reply(
        status=200,
        body=content if isinstance(content, bytes) else b"",
        media_type=FILE_TYPES.get(parts[number].get_content_type(), b"application/octet-stream"),
        headers=((b"content-disposition", f'attachment; filename="{name}"'.encode()),),
    )


def _framing(reply: Reply) -> Reply:
    """A page that shows a mail in a frame."""
    others = tuple(header for header in reply.headers if header[0] != b"content-security-policy")
    return msgspec.structs.replace(reply, headers=((b"content-security-policy", PAGE_POLICY), *others))


def _written_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0
