"""A letter as a mail (RFC 5322): headers that say what they should, and none that somebody else wrote."""

from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTPUTF8
from email.utils import format_datetime
from typing import Literal

import msgspec

from services.ticketing.messages.letters.rendering import Stationery, one_line
from services.ticketing.messages.letters.writing import Letter
from services.ticketing.messages.mailers.mailer import Mail, MailRefused

LONGEST_SUBJECT = 180
LONGEST_NAME = 80
SEPARATORS = str.maketrans(dict.fromkeys(',;:<>@"\\()[]', " "))


class Attachment(msgspec.Struct, frozen=True):
    """`name` is ours: letters, digits, a point."""

    name: str
    kind: Literal["pdf", "calendar"]
    content: bytes


class Heads(msgspec.Struct, frozen=True, kw_only=True):
    """`id` makes the Message-ID and `date` the Date: the same at each attempt, so that a mailbox knows a repetition."""

    id: str
    date: datetime
    sender: str
    recipient: str
    reply_to: str = ""


def compose(letter: Letter, heads: Heads, attachments: list[Attachment], stationery: Stationery) -> Mail:
    """Raises `MailRefused` for an address that is none."""
    recipient = _address(heads.recipient)
    mail = EmailMessage(policy=SMTPUTF8)
    mail["From"] = Address(display_name=_name(letter.establishment), addr_spec=heads.sender)
    mail["To"] = recipient
    mail["Subject"] = one_line(letter.subject)[:LONGEST_SUBJECT]
    mail["Date"] = format_datetime(heads.date)
    mail["Message-ID"] = f"<{heads.id}@{heads.sender.rpartition('@')[2]}>"
    # No out-of-office answers to a machine (RFC 3834, and what Exchange wants instead).
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if heads.reply_to:
        _reply_to(mail, heads.reply_to)
    if letter.stop is not None:
        mail["List-Unsubscribe"] = f"<{letter.stop.url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(stationery.text(letter), cte="quoted-printable")
    mail.add_alternative(stationery.html(letter), subtype="html", cte="quoted-printable")
    for attachment in attachments:
        _attach(mail, attachment)
    # Last: what is put in as content takes such headers with it.
    mail["Content-Language"] = letter.language
    return Mail(id=heads.id, sender=heads.sender, recipient=recipient.addr_spec, content=mail)


def _attach(mail: EmailMessage, attachment: Attachment) -> None:
    if attachment.kind == "pdf":
        mail.add_attachment(attachment.content, maintype="application", subtype="pdf", filename=attachment.name)
        return
    mail.add_attachment(
        attachment.content,
        maintype="text",
        subtype="calendar",
        filename=attachment.name,
        params={"charset": "utf-8", "method": "PUBLISH"},
    )


def _reply_to(mail: EmailMessage, address: str) -> None:
    try:
        mail["Reply-To"] = _address(address)
    except MailRefused:
        # A slip of the establishment's keeps no visitor from their tickets.
        return


def _address(text: str) -> Address:
    """One bare address, its domain as name servers know it."""
    local, _, domain = text.rpartition("@")
    try:
        return Address(addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (HeaderParseError, UnicodeError, ValueError, IndexError):
        raise MailRefused("address") from None


def _name(text: str) -> str:
    """Without what separates addresses: old mail programs look for it even inside an encoded name."""
    return " ".join(one_line(text).translate(SEPARATORS).split())[:LONGEST_NAME]
