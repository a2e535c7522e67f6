"""How mail leaves. Two implementations, one contract: an SMTP server, and a folder for those who have none."""

from email.message import EmailMessage
from typing import Protocol

import msgspec


class Mail(msgspec.Struct, frozen=True):
    """A whole mail. `id` is the message's own: the same at each attempt. Addresses are bare."""

    id: str
    sender: str
    recipient: str
    content: EmailMessage


class MailRefused(Exception):
    """This mail will never be taken; `args` are one word for the record, without personal data."""


class MailDelayed(Exception):
    """Not now, or nobody knows: it is to be tried again. `args` as above."""


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Returns once the mail is in other hands. Raises `MailRefused` or `MailDelayed`.

        After `MailDelayed` it may have left all the same: the server's answer can be lost.
        """
        ...

    async def close(self) -> None: ...
