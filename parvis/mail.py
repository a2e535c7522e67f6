"""Where the mail of an instance goes: to its mail server, or to a folder for those who have none."""

from email.errors import HeaderParseError
from email.headerregistry import Address
from pathlib import Path
from urllib.parse import urlsplit

from parvis.errors import CannotProceed
from parvis.settings import Settings
from services.ticketing.messages.jobs import Posting
from services.ticketing.messages.mailers.folder import FolderMailer
from services.ticketing.messages.mailers.smtp import SmtpMailer, read_smtp_url

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def make_posting(settings: Settings) -> Posting | None:
    """None where there is neither a server nor a folder. Raises `CannotProceed` naming what cannot be understood."""
    sender = _sender(settings)
    if settings.smtp_url:
        try:
            return Posting(SmtpMailer(read_smtp_url(settings.smtp_url)), sender)
        except ValueError as error:
            # Never the URL itself: it holds a password.
            raise CannotProceed(f"PARVIS_SMTP_URL cannot be understood: {error}.") from None
    folder = mail_folder(settings)
    return Posting(FolderMailer(folder), sender) if folder else None


def mail_folder(settings: Settings) -> Path | None:
    """Where mail is written to; None if it is sent."""
    return Path(settings.data) / "mail" if settings.data and not settings.smtp_url else None


def mailbox_folder(settings: Settings) -> Path | None:
    """The same, if it may be looked at in a browser: never on an instance that is open to others, but for a demo."""
    return mail_folder(settings) if settings.test_mode or _host(settings) in LOOPBACK else None


def _sender(settings: Settings) -> str:
    if settings.mail_from:
        try:
            Address(addr_spec=settings.mail_from).addr_spec.encode("ascii")
        except (HeaderParseError, UnicodeError, ValueError, IndexError):
            raise CannotProceed("PARVIS_MAIL_FROM must be a bare address, such as tickets@example.org.") from None
        return settings.mail_from
    host = _host(settings)
    return f"no-reply@{host if host and ':' not in host else 'localhost'}"


def _host(settings: Settings) -> str:
    return urlsplit(settings.public_url).hostname or ""
