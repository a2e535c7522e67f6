"""Mail through a server that takes it from us (RFC 5321)."""

import asyncio
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec
from aiosmtplib.errors import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from services.ticketing.messages.mailers.mailer import Mail, MailDelayed, MailRefused

PORTS = {"smtp": 587, "smtps": 465}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
FOR_GOOD = 500
GOODBYE_SECONDS = 2


class SmtpSettings(msgspec.Struct, frozen=True):
    """`timeout_seconds` is for each step; a whole mail gets three times that."""

    host: str
    port: int
    use_tls: bool
    username: str | None = None
    password: str | None = None
    timeout_seconds: float = 20


def read_smtp_url(url: str) -> SmtpSettings:
    """`smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`. Raises `ValueError` with a sentence."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("it is not like smtp://user:password@host:587 or smtps://user:password@host:465")
    if parts.path.strip("/") or parts.query:
        raise ValueError("nothing follows the port")
    return SmtpSettings(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        use_tls=parts.scheme == "smtps",
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


class SmtpMailer:
    """A connection for each mail: a stale one would fail in ways that say nothing about the mail."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def send(self, mail: Mail) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds * 3):
                await self._deliver(mail)
        except SMTPRecipientsRefused as refused:
            raise _judged(refused.recipients[0].code) from None
        except SMTPDataError as refused:
            raise _judged(refused.code) from None
        except SMTPNotSupported:
            # The address has letters that this server does not know how to write.
            raise MailRefused("smtp unsupported") from None
        except SMTPResponseException as refused:
            # Said to us and not about the mail: a password, a sender that is not allowed. Somebody will mend it.
            raise MailDelayed(f"smtp {refused.code}") from None
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise MailDelayed("smtp timeout") from None
        except (SMTPException, OSError, ValueError) as error:
            raise MailDelayed(f"smtp {type(error).__name__}") from None

    async def close(self) -> None:
        """No connection outlives its mail."""

    async def _deliver(self, mail: Mail) -> None:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout_seconds,
            use_tls=settings.use_tls,
            start_tls=self._must_start_tls(),
            # Our own name is nobody's business, and looking it up may take seconds.
            local_hostname="parvis",
            username=settings.username,
            password=settings.password,
        )
        try:
            await client.connect()
            await client.send_message(mail.content, sender=mail.sender, recipients=[mail.recipient])
            # The mail is in other hands: a server that is slow to say goodbye must not make it look unsent.
            with suppress(SMTPException, TimeoutError):
                await client.quit(timeout=GOODBYE_SECONDS)
        finally:
            client.close()

    def _must_start_tls(self) -> bool | None:
        """A password never leaves this machine in clear. Without one: TLS if the server offers it."""
        if self._settings.use_tls:
            return False
        return True if self._settings.username and self._settings.host not in LOOPBACK else None


def _judged(code: int) -> MailRefused | MailDelayed:
    word = f"smtp {code}"
    return MailRefused(word) if code >= FOR_GOOD else MailDelayed(word)
