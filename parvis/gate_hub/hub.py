"""The hub as a whole: memory, journal and clock of one establishment's gates, and what it says of itself."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from parvis.gate_hub.clock import HubClock
from parvis.gate_hub.folder import Identity
from parvis.gate_hub.instance import Instance
from parvis.gate_hub.journal import CannotKeep, Journal
from parvis.gate_hub.kept import Kept
from parvis.gate_hub.memory import Memory
from parvis.gate_hub.sync import Sync
from parvis.gate_hub.views import Health
from services.kit.errors import Invalid, Unavailable
from services.ticketing.entry.passes.views import PassGate

REVOKED = "This hub was revoked."


class Hub:
    """Restored from the disk, with no word yet from the instance."""

    def __init__(self, identity: Identity, journal: Journal, instance: Instance) -> None:
        self.memory = Memory()
        self.journal = journal
        self.names = {str(identity.establishment.id), identity.establishment.slug}
        self.memory.restore(*journal.read())
        facts = journal.facts()
        latest = max((one.at for one in self.memory.scans.values()), default=_moment(facts.get("last_contact")))
        offset = timedelta(seconds=float(facts.get("offset", "0")))
        self.clock = HubClock(offset, max(latest, _moment(facts.get("last_contact"))))
        self.sync = Sync(self.memory, journal, instance, self.clock, identity.gates)
        self.sync.use_timezone(identity.establishment.timezone)
        self.sync.last_contact = _moment(facts["last_contact"]) if "last_contact" in facts else None
        self.is_revoked = False

    async def keep(self, kept: Sequence[Kept]) -> None:
        """On the disk when it returns; else it did not happen. Raises `CannotKeep`."""
        try:
            await self.journal.keep(kept)
        except CannotKeep:
            for one in kept:
                self.memory.drop(one)
            raise
        self.sync.recorded(kept)

    async def kept_before(self, kept_id: UUID) -> None:
        await self.journal.kept_before(kept_id)

    def check_open(self) -> None:
        """Raises `Unavailable`."""
        if self.is_revoked:
            raise Unavailable(REVOKED, retry_after_seconds=60)

    def gate(self, gate_id: UUID) -> PassGate:
        """Raises `Invalid`."""
        gate = self.memory.directory.gates.get(gate_id)
        if gate is None:
            raise Invalid.field("/gate_id", "There is no such gate.")
        return gate

    def today(self) -> str:
        return self.memory.local_day(self.clock.now()).isoformat()

    def health(self) -> Health:
        sync = self.sync
        return Health(
            pending_uploads=len(sync.pending),
            last_contact=sync.last_contact,
            tickets_known=len(self.memory.tickets),
            devices_known=len(self.memory.directory.devices),
            scans_kept=len(self.memory.scans),
            conflicts=sync.conflicts,
            invalid=sync.invalid,
            is_online=sync.is_online,
            clock_is_doubtful=self.clock.is_doubtful,
            trouble=REVOKED if self.is_revoked else self.journal.trouble,
        )


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime(1970, 1, 1, tzinfo=UTC)
