"""A scan as it comes in, and as it goes to the books."""

import hashlib
import re
from datetime import datetime
from typing import Annotated, ClassVar, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from services.kit.bodies import read_body
from services.kit.errors import Invalid, Refused
from services.ticketing.entry.rules import Direction, Outcome, Reason

MAX_UPLOADED: Final = 500
Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Why: TypeAlias = Annotated[str, msgspec.Meta(max_length=500)]
# Staff will point the camera at any code there is; the largest QR code holds 7,089 characters.
Code: TypeAlias = Annotated[str, msgspec.Meta(max_length=8000)]
T = TypeVar("T")
# Escapes in JSON, pairs of surrogates whole; in the group, half of a pair.
_ESCAPE: Final = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)


class NewScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id` is made by the device: sent again, it gets the first answer again.

    `code` is the text of a QR code, or a short code as typed. With `override_reason`, staff let somebody in although
    the hour or a full gauge says no; nothing else is lifted by it.
    """

    nul_at: ClassVar = "/code"

    id: UUID
    code: Code
    gate_id: UUID
    scanned_at: Moment
    direction: Direction = "in"
    offline: bool = False
    override_reason: Why | None = None


class DecidedScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scanner decided by itself, and did: `admitted`, and somebody passed, or `refused` for a `reason`."""

    nul_at: ClassVar = "/code"

    id: UUID
    code: Code
    gate_id: UUID
    scanned_at: Moment
    outcome: Outcome
    direction: Direction = "in"
    reason: Reason | None = None
    override_reason: Why | None = None


class NewUndo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id` is made by the device, like that of a scan."""

    id: UUID
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    undone_at: Moment


class DecidedUndo(NewUndo, frozen=True, forbid_unknown_fields=True):
    scan_id: UUID


class OddItem(msgspec.Struct, frozen=True):
    """Of an upload, what means nothing for the reason in `detail`."""

    id: UUID
    detail: str


class _Parcel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An upload, its items unread: what is wrong with one of them is no other's fault."""

    nul_at: ClassVar = ""

    sent_at: Moment
    scans: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_UPLOADED)] = []
    undos: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_UPLOADED)] = []


class _Named(msgspec.Struct, frozen=True):
    nul_at: ClassVar = ""

    id: UUID


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """At most 500 scans and undos in all. `sent_at` by the clock that the other moments are by."""

    sent_at: Moment
    scans: Annotated[list[DecidedScan], msgspec.Meta(max_length=MAX_UPLOADED)] = []
    undos: Annotated[list[DecidedUndo], msgspec.Meta(max_length=MAX_UPLOADED)] = []

    @staticmethod
    def read(body: bytes) -> "Upload":
        """Items that mean nothing are kept apart, for their answers. Raises as `read_body` for all that is no item,
        and for an item without an id.
        """
        parcel: _Parcel = read_body(_without_halves(body), _Parcel)
        scans, odd_scans = _read(parcel.scans, DecidedScan, "/scans")
        undos, odd_undos = _read(parcel.undos, DecidedUndo, "/undos")
        upload = Upload(parcel.sent_at, scans, undos)
        upload.__dict__.update(odd_scans=odd_scans, odd_undos=odd_undos)
        return upload

    @property
    def odd_scans(self) -> list[OddItem]:
        return list(self.__dict__.get("odd_scans", []))

    @property
    def odd_undos(self) -> list[OddItem]:
        return list(self.__dict__.get("odd_undos", []))


def _read(items: list[msgspec.Raw], type_: type[T], pointer: str) -> tuple[list[T], list[OddItem]]:
    read, odd = [], []
    for index, item in enumerate(items):
        body = bytes(item)
        own_id = _id_of(body, f"{pointer}/{index}")
        try:
            read.append(read_body(body, type_))
        except Refused as error:
            odd.append(OddItem(own_id, str(error)))
    return read, odd


def _id_of(item: bytes, pointer: str) -> UUID:
    try:
        named: _Named = read_body(item, _Named)
    except Invalid as error:
        own = error.errors[0].pointer.removeprefix("#")
        raise Invalid.field(f"{pointer}{own}", error.detail) from None
    return named.id


def _without_halves(body: bytes) -> bytes:
    """A reader may cut a character of a code in two; no encoding has halves."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], body)


class ReadCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a code names, once verified: a ticket at a revision, or a short code, or nothing for a stated reason."""

    ticket_id: UUID | None = None
    revision: int | None = None
    short_code: str | None = None
    refusal: Reason | None = None


class Decision(msgspec.Struct, frozen=True):
    """A scanner's own."""

    outcome: Outcome
    reason: Reason | None


class AskedScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan with what is known before the database is asked. `at` is the moment by which it is judged.

    `decision` None: it is for the server to decide. `may_move`: a late visitor may be given another slot first.
    """

    scan: NewScan
    code: ReadCode
    actor: str
    device_gate_ids: frozenset[UUID] | None
    at: datetime
    decision: Decision | None = None
    may_move: bool = False

    @property
    def code_hash(self) -> bytes:
        return hashlib.sha256(self.scan.code.encode()).digest()


class AskedUndo(msgspec.Struct, frozen=True, kw_only=True):
    """`kept_for_later`: the scan may still be on its way, as in an upload."""

    id: UUID
    scan_id: UUID
    reason: str
    actor: str
    at: datetime
    device_gate_ids: frozenset[UUID] | None = None
    kept_for_later: bool = True


class Asked(msgspec.Struct, frozen=True):
    """What one transaction records: scans, and after them the undos."""

    scans: list[AskedScan]
    undos: list[AskedUndo] = []

    @property
    def needs_history(self) -> bool:
        """Do passages come in between others? What the server decides follows on all that it knows of."""
        return bool(self.undos) or any(asked.decision is not None for asked in self.scans)
