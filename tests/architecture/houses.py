"""The two services, as the architecture tests walk them."""

import msgspec
import sqlalchemy as sa

from services.inventory import instance_level as inventory_instance_level
from services.inventory import tables as inventory
from services.kit.tenancy import tenant_tables
from services.ticketing import all_tables as ticketing
from services.ticketing import instance_level as ticketing_instance_level


class House(msgspec.Struct, frozen=True):
    """`functions` are those that look past row-level security."""

    schema: str
    role: str
    metadata: sa.MetaData
    functions: frozenset[str]

    @property
    def tenant_tables(self) -> list[sa.Table]:
        return list(tenant_tables(self.metadata))


INVENTORY = House(inventory.SCHEMA, inventory.ROLE, inventory.metadata, frozenset(inventory_instance_level.FUNCTIONS))
TICKETING = House(
    ticketing.SCHEMA,
    ticketing.ROLE,
    ticketing.metadata,
    frozenset(signature.partition("(")[0] for signature in ticketing_instance_level.FUNCTIONS),
)
HOUSES = (INVENTORY, TICKETING)
TENANT_TABLES = [table for house in HOUSES for table in house.tenant_tables]
# What belongs to nobody: the registry, the keys of the instance, alembic's place in its history.
INSTANCE_TABLES = {
    "inventory.alembic_version",
    "ticketing.alembic_version",
    "ticketing.establishments",
    "ticketing.operator_keys",
    "ticketing.pairing_codes",
}
