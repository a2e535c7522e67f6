"""How the server really ran each statement: auto_explain tells whoever sent it, as a notice on its connection.

Nothing is copied here: what is judged are the plans of the services' own statements, with the parameters that they
sent, under their own role and row-level security, while they did their work.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import msgspec
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from tests.architecture.houses import HOUSES, TENANT_TABLES

FILTERED_ROWS_MAX: Final = 100
TENANT_NAMES = {table.fullname for table in TENANT_TABLES}
SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_verbose": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    # What the functions of the instance and the foreign keys ask.
    "auto_explain.log_nested_statements": "on",
}


class Node(msgspec.Struct, frozen=True):
    """One step of a plan; numbers of rows are averages over its loops."""

    kind: str = msgspec.field(name="Node Type")
    loops: float = msgspec.field(name="Actual Loops")
    filtered: float = msgspec.field(name="Rows Removed by Filter", default=0)
    joined_away: float = msgspec.field(name="Rows Removed by Join Filter", default=0)
    rechecked: float = msgspec.field(name="Rows Removed by Index Recheck", default=0)
    schema: str = msgspec.field(name="Schema", default="")
    relation: str = msgspec.field(name="Relation Name", default="")
    below: list["Node"] = msgspec.field(name="Plans", default_factory=list)

    @property
    def table(self) -> str:
        return f"{self.schema}.{self.relation}"

    @property
    def rows_removed(self) -> float:
        """Read in vain. A small table joined to many rows is no fault, hence once round for those."""
        return self.loops * (self.filtered + self.rechecked) + self.joined_away

    def walk(self) -> Iterator["Node"]:
        yield self
        for node in self.below:
            yield from node.walk()


class Explained(msgspec.Struct, frozen=True):
    sql: str = msgspec.field(name="Query Text")
    plan: Node = msgspec.field(name="Plan")

    @property
    def touches_tenants(self) -> bool:
        return any(node.table in TENANT_NAMES for node in self.plan.walk())

    @property
    def scanned(self) -> set[str]:
        """Tenant tables that were read from end to end."""
        return {node.table for node in self.plan.walk() if "Seq Scan" in node.kind} & TENANT_NAMES

    @property
    def rows_removed(self) -> int:
        return round(sum(node.rows_removed for node in self.plan.walk()))


class Fault(msgspec.Struct):
    """What will be slow once there is more of it, at its worst."""

    scanned: set[str]
    rows_removed: int

    def __str__(self) -> str:
        scans = [f"sequential scan of {table}" for table in sorted(self.scanned)]
        return ", ".join([*scans, f"{self.rows_removed} rows filtered away"])


class Plans:
    """Every execution that was told of."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        """How often each statement ran."""
        self.faults: dict[str, Fault] = {}

    def add(self, explained: Explained) -> None:
        sql = " ".join(explained.sql.split())
        if explained.touches_tenants:
            self.used[sql] += 1
        if explained.scanned or explained.rows_removed > FILTERED_ROWS_MAX:
            fault = self.faults.setdefault(sql, Fault(set(), 0))
            fault.scanned |= explained.scanned
            fault.rows_removed = max(fault.rows_removed, explained.rows_removed)


@contextmanager
def explained() -> Iterator[Plans]:
    """The plans of all that connections opened in the block send, in databases that `explain_all` prepared."""
    plans = Plans()

    def told(_: object, message: asyncpg.PostgresLogMessage) -> None:
        head, found, json = str(message.message).partition("plan:\n")
        if found and head.startswith("duration:"):
            plans.add(msgspec.json.decode(json, type=Explained))

    def connected(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        driver = connection.driver_connection
        assert isinstance(driver, asyncpg.Connection)
        driver.add_log_listener(told)

    event.listen(Pool, "connect", connected)
    try:
        yield plans
    finally:
        event.remove(Pool, "connect", connected)


async def explain_all(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """From now on, in new connections of the services to this database."""
    database = await owner.fetchval("SELECT quote_ident(current_database())")
    for house in HOUSES:
        for name, value in SETTINGS.items():
            await owner.execute(f"ALTER ROLE {house.role} IN DATABASE {database} SET {name} = '{value}'")
