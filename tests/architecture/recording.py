"""Every statement that the services send while the tests run, so that each can be looked at."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from services.kit.database import SERVER_SETTINGS
from tests.architecture.houses import HOUSES
from tests.architecture.statements import complaints

ROLES = {house.role for house in HOUSES}
# Within a statement that a test sends in order to see what happens then.
NEGATIVE_CONTROL = "/* negative control */"


@contextmanager
def recorded() -> Iterator[set[str]]:
    """The distinct statements that the services' connections send while the block lasts.

    Two hooks, because asyncpg reports what goes straight to the driver, and not what SQLAlchemy prepares.
    """
    found: set[str] = set()

    def remember(query: asyncpg.connection.LoggedQuery) -> None:
        found.add(query.query)

    def connected(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        driver = connection.driver_connection
        name = SERVER_SETTINGS["application_name"]
        if isinstance(driver, asyncpg.Connection) and driver.get_settings().application_name == name:
            driver.add_query_logger(remember)

    def executing(connection: sa.Connection, _: object, statement: str, *__: object) -> None:
        if connection.engine.url.username in ROLES:
            found.add(statement)

    event.listen(Pool, "connect", connected)
    event.listen(sa.Engine, "before_cursor_execute", executing)
    try:
        yield found
    finally:
        event.remove(Pool, "connect", connected)
        event.remove(sa.Engine, "before_cursor_execute", executing)


@pytest.fixture(scope="session", autouse=True)
def every_statement_is_checked() -> Iterator[None]:
    """Imported by tests/conftest.py: whatever a test made the services send is linted when all have run."""
    with recorded() as statements:
        yield
    checked = {sql: complaints(sql) for sql in sorted(statements) if NEGATIVE_CONTROL not in sql}
    wrong = [f"{'; '.join(found)}: {sql}" for sql, found in checked.items() if found]
    assert wrong == [], "\n".join(wrong)
