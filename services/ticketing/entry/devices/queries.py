import sqlalchemy as sa

from services.kit.database import ReadSession
from services.kit.principal import Principal
from services.ticketing.access.queries import check_credential
from services.ticketing.access.rules import Credential
from services.ticketing.entry.tables import devices


async def device_principal(session: ReadSession, credential: Credential) -> Principal:
    """Who a scanner is, and at which gates. Raises `Unauthenticated`."""
    row = await session.first(
        sa.select(devices, devices.c.revoked_at.is_not(None).label("ended")).where(
            devices.c.establishment_id == credential.establishment_id, devices.c.id == credential.id
        )
    )
    check_credential(row, credential)
    return Principal(
        actor=f"device:{credential.id}",
        establishment_id=credential.establishment_id,
        scopes=frozenset({"entry:scan"}),
        gate_ids=frozenset(row.gate_ids if row else ()),
    )
