"""The metadata of ticketing's schema. Each slice describes its own tables; `all_tables` gathers them."""

import sqlalchemy as sa

from services.kit.idempotency import idempotency_table
from services.kit.tenancy import NAMING

SCHEMA = "ticketing"
ROLE = "parvis_ticketing"

metadata = sa.MetaData(schema=SCHEMA, naming_convention=NAMING)
idempotency_keys = idempotency_table(metadata)
