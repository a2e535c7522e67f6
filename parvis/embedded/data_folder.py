import contextlib
import fcntl
import os
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec

from parvis.errors import CannotProceed

SECRET_BYTES = 32
PASSWORD_BYTES = 24
FOLDER_MODE = 0o700
FILE_MODE = 0o600
# `doctor` and `verify` hold the lock for an instant when they look whether somebody holds it.
LOCK_ATTEMPTS = 10
LOCK_PAUSE_SECONDS = 0.05


class Credentials(msgspec.Struct, frozen=True):
    """The passwords of the servers of one data folder: random, made once."""

    postgres: str
    parvis_inventory: str
    parvis_ticketing: str
    valkey: str
    stripe_api_key: str
    stripe_webhook_secret: str


class Running(msgspec.Struct, frozen=True):
    """Where the instance in a folder listens; no port where the environment names a server instead of ours."""

    pid: int
    url: str | None = None
    postgres_port: int | None = None
    valkey_port: int | None = None


class DataFolder:
    """All that an embedded instance keeps. Only the process that holds its lock starts servers in it."""

    def __init__(self, path: Path) -> None:
        # Resolved, because /proc knows the servers' folders by their real paths.
        self.path = path.resolve()
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"
        self.stripe = self.path / "stripe.sqlite"
        self.demo = self.path / "demo.json"
        self._lock = self.path / "lock"
        self._running = self.path / "running.json"
        self._credentials = self.path / "credentials.json"
        self._secret = self.path / "secret"

    @property
    def holds_data(self) -> bool:
        return (self.postgres / "PG_VERSION").exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder if need be and hold it for as long as the block runs, against any other process.

        Raises CannotProceed if another process holds it (and says which), or if it cannot be written.
        """
        with self._reported():
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            self._take(descriptor)
            with self._reported():
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                self._running.unlink(missing_ok=True)
            yield
            self._running.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def running(self) -> Running | None:
        """The instance that another process runs here now, or None."""
        if not self._is_held():
            return None
        try:
            return msgspec.json.decode(self._running.read_bytes(), type=Running)
        except FileNotFoundError:
            raise CannotProceed(f"{self.path} is just being started or stopped: try again in a moment.") from None

    def announce(self, running: Running) -> None:
        self._write(self._running, msgspec.json.encode(running))

    def secret(self) -> str:
        """32 random bytes in base64, made on the first call; what the instance encrypts and signs with."""
        if not self._secret.exists():
            self._write(self._secret, b64encode(secrets.token_bytes(SECRET_BYTES)))
        return self._secret.read_text(encoding="ascii").strip()

    def credentials(self) -> Credentials:
        """Made on the first call; refused if they are gone while a database made with them is still there."""
        if not self._credentials.exists():
            if self.holds_data:
                raise CannotProceed(
                    f"{self._credentials} is missing: put it back, its database cannot be opened without."
                )
            self._write(self._credentials, msgspec.json.format(msgspec.json.encode(_make_credentials())))
        try:
            return msgspec.json.decode(self._credentials.read_bytes(), type=Credentials)
        except msgspec.MsgspecError as error:
            raise CannotProceed(f"{self._credentials} is damaged: {error}.") from error

    def _take(self, descriptor: int) -> None:
        for _ in range(LOCK_ATTEMPTS):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(LOCK_PAUSE_SECONDS)
        holder = os.pread(descriptor, 20, 0).decode() or "unknown"
        raise CannotProceed(
            f"Parvis already runs in {self.path} (process {holder}): stop it, or choose another folder with --data."
        )

    def _is_held(self) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise CannotProceed(f"{self.path} cannot be read: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _write(self, file: Path, content: bytes) -> None:
        """Whole or not at all: a SIGKILL in the middle leaves the old file, or none."""
        draft = file.with_name(f"{file.name}.new")
        with self._reported():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
            with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, for its mode from the first byte
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            draft.replace(file)

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CannotProceed(f"{self.path} cannot be used as data folder: {error.strerror}.") from error


def _make_credentials() -> Credentials:
    return Credentials(
        postgres=secrets.token_urlsafe(PASSWORD_BYTES),
        parvis_inventory=secrets.token_urlsafe(PASSWORD_BYTES),
        parvis_ticketing=secrets.token_urlsafe(PASSWORD_BYTES),
        valkey=secrets.token_urlsafe(PASSWORD_BYTES),
        stripe_api_key=f"sk_test_{secrets.token_hex(PASSWORD_BYTES)}",
        stripe_webhook_secret=f"whsec_{secrets.token_hex(PASSWORD_BYTES)}",
    )
