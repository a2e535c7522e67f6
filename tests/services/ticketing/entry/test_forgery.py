"""Codes that somebody tampered with: none is admitted, none breaks the desk, and the real one still works."""

import asyncio
import random
from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import base45
import msgspec

from services.ticketing.entry.desk import EntryDesk
from services.ticketing.entry.views import ScanAnswer
from services.ticketing.tickets import code
from services.ticketing.tickets.code import CODE_CHARACTERS, PREFIX, SIGNING_DOMAIN, new_signing_key
from tests.services.ticketing.entry.conftest import SetClock, new_scan, staff
from tests.services.ticketing.rows import Museum, SoldTicket, make_museum, make_ticket, signed_code

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
STRANGE = ALPHABET + "abcé١\u2028\0🎟İK"
SIGNATURE_BYTES = 64


async def test_two_thousand_tampered_codes_admit_nobody(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    other = await make_museum(owner, uuid4())
    ticket = await make_ticket(owner, museum)
    forger = Forger(museum, other, ticket, seed=5)
    codes = [forger.code() for _ in range(2000)]
    assert ticket.code not in codes
    bodies = await asyncio.gather(*(desk.scan(staff(museum), new_scan(made, museum.gate_id, clock)) for made in codes))
    answers = [msgspec.json.decode(body, type=ScanAnswer) for body in bodies]
    assert {answer.outcome for answer in answers} == {"refused"}
    assert {answer.reason for answer in answers} == {"unknown_ticket", "forged", "wrong_establishment"}
    assert {answer.ticket for answer in answers} == {None}
    assert await owner.fetchval("SELECT count(*) FROM ticketing.tickets WHERE admitted_at IS NOT NULL") == 0
    genuine = await desk.scan(staff(museum), new_scan(ticket.code, museum.gate_id, clock))
    assert msgspec.json.decode(genuine, type=ScanAnswer).outcome == "admitted"


async def test_forger_that_has_the_key_is_admitted(
    desk: EntryDesk, owner: asyncpg.Connection, museum: Museum, clock: SetClock
):
    """Negative control: what the test above makes by hand differs from a ticket by its signature alone."""
    ticket = await make_ticket(owner, museum)
    forger = Forger(museum, museum, ticket, seed=1)
    forger.key = museum.key
    answer = await desk.scan(staff(museum), new_scan(forger.signed_by_a_stranger(), museum.gate_id, clock))
    assert msgspec.json.decode(answer, type=ScanAnswer).outcome == "admitted"


class Forger:
    """Makes codes out of a genuine one, in every way that comes to mind; the same ones for the same seed.

    `useless` are codes that the museum itself has signed.
    """

    def __init__(
        self, museum: Museum, other: Museum, ticket: SoldTicket, *, seed: int, useless: Sequence[str] = ()
    ) -> None:
        self.key = new_signing_key()
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._museum = museum
        self._other = other
        self._ticket = ticket
        self._useless = useless
        self._bytes = base45.b45decode(ticket.code.removeprefix(PREFIX))

    def code(self) -> str:
        ways = (
            self.flipped_bits,
            self.other_letters,
            self.cut_or_grown,
            self.swapped_key_id,
            self.changed_payload,
            self.signed_by_a_stranger,
            self.of_the_other_museum,
            self.short_code,
            *([self.out_of_use] if self._useless else ()),
        )
        made = self._random.choice(ways)()
        return made if made != self._ticket.code else self.code()

    def out_of_use(self) -> str:
        return self._random.choice(self._useless)

    def flipped_bits(self) -> str:
        number = int.from_bytes(self._bytes, "big")
        for _ in range(self._random.choice((1, 1, 1, 2, 8, 64))):
            number ^= 1 << self._random.randrange(len(self._bytes) * 8)
        return _text(number.to_bytes(len(self._bytes), "big"))

    def other_letters(self) -> str:
        letters = list(self._ticket.code)
        for _ in range(self._random.choice((1, 1, 2, 5))):
            letters[self._random.randrange(len(letters))] = self._random.choice(STRANGE)
        return "".join(letters)

    def cut_or_grown(self) -> str:
        genuine = self._ticket.code
        start, end = sorted(self._random.randrange(CODE_CHARACTERS + 1) for _ in range(2))
        return self._random.choice(
            (
                genuine[:end],
                genuine[start:],
                genuine[start:end],
                genuine + self._random.choice(ALPHABET),
                genuine * 2,
                genuine.lower(),
            )
        )

    def swapped_key_id(self) -> str:
        key_id = self._random.choice((0, 2, 256, 65535))
        return _text(self._bytes[:1] + key_id.to_bytes(2, "big") + self._bytes[3:])

    def changed_payload(self) -> str:
        """Another ticket, slot, tariff, time or revision under the old signature."""
        start = self._random.choice((19, 35, 51, 67, 71, 75))
        end = min(start + self._random.choice((1, 2, 4, 16)), len(self._bytes) - SIGNATURE_BYTES)
        return _text(self._bytes[:start] + self._random.randbytes(end - start) + self._bytes[end:])

    def signed_by_a_stranger(self) -> str:
        payload = self._bytes[:-SIGNATURE_BYTES]
        return _text(payload + self.key.sign(SIGNING_DOMAIN + payload))

    def of_the_other_museum(self) -> str:
        """Signed by a real key, of another museum; sometimes it says so."""
        theirs = self._random.choice((None, self._other.establishment_id))
        return signed_code(self._museum, self._ticket, key=self._other.key, establishment_id=theirs)

    def short_code(self) -> str:
        letters = list(self._ticket.short_code)
        letters[self._random.randrange(len(letters))] = self._random.choice(STRANGE.replace("U", ""))
        typed = "".join(letters)
        # In lower case, or with a U for a V, it is still the right code.
        return "" if typed.upper().replace("U", "V") == self._ticket.short_code else typed


def _text(signed_bytes: bytes) -> str:
    # As `code` writes it, which `test_code` compares with another writer: a million of them are to be made.
    return PREFIX + code._base45(signed_bytes)
