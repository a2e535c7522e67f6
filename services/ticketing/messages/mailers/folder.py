"""Mail as files, for an instance that has no mail server: nothing is lost, and a demo can be read."""

import asyncio
import os
from email.policy import SMTP
from pathlib import Path

from services.ticketing.messages.mailers.mailer import Mail, MailDelayed

FOLDER_MODE = 0o700
FILE_MODE = 0o600


class FolderMailer:
    """One `.eml` for each message; the same message again replaces its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: Mail) -> None:
        await asyncio.to_thread(self._write, mail)

    async def close(self) -> None:
        """Nothing is open."""

    def _write(self, mail: Mail) -> None:
        draft = self._folder / f".{mail.id}.new"
        try:
            self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
            with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, for its mode from the first byte
                stream.write(mail.content.as_bytes(policy=SMTP))
            # Whole or not at all: whoever reads the folder never sees half a mail.
            draft.replace(self._folder / f"{mail.id}.eml")
        except OSError as error:
            raise MailDelayed("folder") from error
