"""What a database is asked while a block lasts."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import sqlalchemy as sa

from services.kit.database import Database


@contextmanager
def counted(database: Database, *, transactions: bool = False) -> Iterator[list[str]]:
    """Every statement; with `transactions` also BEGIN, SET and COMMIT. One list entry is one round trip."""
    statements: list[str] = []
    drivers: list[asyncpg.Connection] = []
    engine = database._engine.sync_engine

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        if transactions or not record.query.startswith(("BEGIN", "SET", "COMMIT", "ROLLBACK")):
            statements.append(record.query)

    def taken(connection: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        driver = connection.driver_connection
        if driver not in drivers:
            drivers.append(driver)
            driver.add_query_logger(note)

    # SQLAlchemy prepares its statements past the driver's logger.
    def executing(_: sa.Connection, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    sa.event.listen(engine, "checkout", taken)
    sa.event.listen(engine, "before_cursor_execute", executing)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "checkout", taken)
        sa.event.remove(engine, "before_cursor_execute", executing)
        for driver in drivers:
            driver.remove_query_logger(note)
