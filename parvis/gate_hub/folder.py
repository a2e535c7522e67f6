"""The hub's folder: who it is, its books, its certificate. Only its owner can read it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from parvis.errors import CannotProceed
from parvis.gate_hub.instance import HubEstablishment, HubGate, Paired
from parvis.gate_hub.signing import base64url, from_base64url

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


class Identity(msgspec.Struct, frozen=True):
    """What pairing gave. `private_key` is raw Ed25519 in base64url: its public half is in the entry pass."""

    server: str
    device_id: UUID
    device_token: str
    private_key: str
    establishment: HubEstablishment
    gates: list[HubGate]

    @property
    def key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(from_base64url(self.private_key))

    @property
    def gate_ids(self) -> frozenset[UUID]:
        return frozenset(gate.id for gate in self.gates)

    @property
    def name(self) -> str:
        """Of the establishment, in the first of its languages."""
        return next(iter(self.establishment.name.values()), self.establishment.slug)


def identity(server: str, paired: Paired, key: Ed25519PrivateKey) -> Identity:
    return Identity(
        server=server,
        device_id=paired.device_id,
        device_token=paired.device_token,
        private_key=base64url(key.private_bytes_raw()),
        establishment=paired.establishment,
        gates=paired.gates,
    )


class HubFolder:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.books = self.path / "hub.sqlite"
        self.certificate = self.path / "certificate.pem"
        self.key = self.path / "key.pem"
        self._identity = self.path / "hub.json"
        self._lock = self.path / "lock"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Made if need be, and held against any other hub. Raises `CannotProceed`."""
        with self._reported():
            self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self.path.chmod(FOLDER_MODE)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise CannotProceed(
                f"A hub already runs in {self.path}: stop it, or choose another folder with --data."
            ) from None
        try:
            yield
        finally:
            os.close(descriptor)

    def identity(self) -> Identity | None:
        """Raises `CannotProceed` for a file that is damaged."""
        with self._reported():
            if not self._identity.exists():
                return None
            try:
                return msgspec.json.decode(self._identity.read_bytes(), type=Identity)
            except msgspec.DecodeError as error:
                raise CannotProceed(f"{self._identity} is damaged: put a copy back, or pair anew.") from error

    def keep_identity(self, identity: Identity) -> None:
        self.write(self._identity, msgspec.json.format(msgspec.json.encode(identity), indent=2))

    def write(self, file: Path, content: bytes) -> None:
        """Whole or not at all, and for its owner only."""
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
            raise CannotProceed(f"{self.path} cannot be used as folder of the hub: {error.strerror}.") from error
