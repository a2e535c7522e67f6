"""One transaction, opened at the edge, for one establishment.

Every unit of work is BEGIN; SET LOCAL app.establishment_id; statements; COMMIT. Row-level security compares each
row with that setting, so a statement that forgot its establishment finds nothing. Actions never commit.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn, TypeVar
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.kit.errors import Unavailable
from services.kit.telemetry import TRANSACTION_RETRIES

T = TypeVar("T")
# What `ReadSession.fetch` raises when a row is there already.
UniqueViolation = asyncpg.UniqueViolationError
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

ATTEMPTS = 4
# Deadlock, serialisation failure, lock timeout: nothing was done, a fresh transaction may succeed.
RETRYABLE = frozenset({"40P01", "40001", "55P03"})
# Connection exceptions, shutdown and start-up of the server, too many connections, disk full, out of memory.
UNAVAILABLE_CLASSES = ("08", "57P", "53")
# As long as the longest statement may take.
CLOSE_SECONDS = 10
# The connection is gone or its driver has lost the thread (a FATAL of the server that came while it was idle).
CONNECTION_LOST = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
SERVER_SETTINGS = {
    "application_name": "parvis",
    "lock_timeout": "3s",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "timezone": "UTC",
    # Queries here touch few rows by index; compiling them would cost more than running them.
    "jit": "off",
    # Planned once per connection. The server would else weigh a new plan for each new batch, at the price of running
    # it; and a plan that does not depend on the size of an establishment does not turn when it grows.
    "plan_cache_mode": "force_generic_plan",
}


class ReadSession:
    """Reads of one establishment. The transaction is READ ONLY: the server refuses a write."""

    def __init__(self, connection: AsyncConnection, driver: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self._driver = driver

    async def all(self, statement: sa.Executable, parameters: Parameters = None) -> Sequence[sa.Row[Any]]:
        return (await self._connection.execute(statement, parameters)).all()

    async def first(self, statement: sa.Executable, parameters: Parameters = None) -> sa.Row[Any] | None:
        return (await self._connection.execute(statement, parameters)).first()

    async def scalar(self, statement: sa.Executable, parameters: Parameters = None) -> Any:  # noqa: ANN401 - one column
        return (await self._connection.execute(statement, parameters)).scalar()

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """A prepared statement straight on the driver, for the hot paths: one round trip, no compilation."""
        return await self._driver.fetch(sql, *arguments)


class WriteSession(ReadSession):
    """Reads and writes of one establishment."""

    async def run(self, statement: sa.Executable, parameters: Parameters = None) -> int:
        """Returns the number of rows changed."""
        result = await self._connection.execute(statement, parameters)
        return result.rowcount


class Database:
    """The connections of one service, under a role that owns nothing and cannot bypass row-level security."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        """`url` like `postgresql://role:password@host:port/database`."""
        self._engine: AsyncEngine = create_async_engine(
            sa.make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=3,
            pool_recycle=1800,
            # The parameters are visitors' names and addresses; an error must not carry them into a log.
            hide_parameters=True,
            # We say BEGIN and COMMIT ourselves: see _transaction.
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": 5, "command_timeout": 12, "server_settings": SERVER_SETTINGS},
        )
        self._running = 0
        self._is_closed = False
        self._became_idle = asyncio.Event()

    async def write(self, establishment_id: UUID, action: Callable[[WriteSession], Awaitable[T]]) -> T:
        """Runs `action` in one transaction of the establishment and commits.

        Deadlocks, serialisation failures and lock timeouts are run again with a fresh transaction, at most
        `ATTEMPTS` times in all; so is a connection that broke before the commit was sent.
        Raises `Unavailable` when that did not help, or when the outcome of the commit is unknown.
        """
        return await self._attempt(establishment_id, "BEGIN", WriteSession, action)

    async def read(self, establishment_id: UUID, query: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Runs `query` in a read-only transaction of the establishment."""
        return await self._attempt(establishment_id, "BEGIN READ ONLY", ReadSession, query)

    async def write_instance(self, action: Callable[[WriteSession], Awaitable[T]]) -> T:
        """For the short list of actions on the instance itself; sees no row of any establishment."""
        return await self._attempt(None, "BEGIN", WriteSession, action)

    async def read_instance(self, query: Callable[[ReadSession], Awaitable[T]]) -> T:
        return await self._attempt(None, "BEGIN READ ONLY", ReadSession, query)

    async def close(self) -> None:
        """Lets the transactions under way end and begins no others: who asks now is refused as `Unavailable`.

        Caches load behind the backs of their callers: without this, such a load would open a connection that nobody
        closes.
        """
        self._is_closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._running:
                    self._became_idle.clear()
                    await self._became_idle.wait()
        await self._engine.dispose()

    async def _attempt(
        self,
        establishment_id: UUID | None,
        begin: str,
        session_type: type[Any],
        action: Callable[[Any], Awaitable[T]],
    ) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            if self._is_closed:
                raise Unavailable("This process is stopping.")
            self._running += 1
            try:
                return await self._transaction(establishment_id, begin, session_type, action)
            except (DBAPIError, asyncpg.PostgresError, *CONNECTION_LOST) as error:
                if not _may_help_to_repeat(error):
                    raise
                if attempt == ATTEMPTS:
                    raise Unavailable("The database is busy.") from error
                TRANSACTION_RETRIES.labels(sqlstate(error) or "connection").inc()
            except PoolTimeoutError as error:
                raise Unavailable("All database connections are busy.") from error
            finally:
                self._running -= 1
                if not self._running:
                    self._became_idle.set()
            await asyncio.sleep(random.uniform(0.005, 0.03) * attempt)  # noqa: S311 - spreads the retries, no secret
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _transaction(
        self,
        establishment_id: UUID | None,
        begin: str,
        session_type: type[Any],
        action: Callable[[Any], Awaitable[T]],
    ) -> T:
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            if driver is None:
                raise Unavailable("The database connection was lost.")
            try:
                await driver.execute(_opening(begin, establishment_id))
                result = await action(session_type(connection, driver))
            except BaseException:
                await _roll_back(connection, driver)
                raise
            await _commit(connection, driver)
            return result


def _opening(begin: str, establishment_id: UUID | None) -> str:
    """What a transaction begins with: two statements, sent as one message.

    SET LOCAL and not set_config(): Citus forwards only this form to its workers. The value is a UUID object, never
    text of a client.
    """
    if establishment_id is None:
        return begin
    return f"{begin}; SET LOCAL app.establishment_id = '{UUID(int=establishment_id.int)}'"


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of a database error, through SQLAlchemy's wrapping or not; empty where there is none."""
    origin = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None)
    return state if isinstance(state, str) else ""


def violates(error: BaseException, constraint: str) -> bool:
    """Did the statement break this constraint? By name in the message: Citus keeps no field for it."""
    return sqlstate(error) in {"23505", "23514", "23503", "23P01"} and constraint in str(error)


async def _commit(connection: AsyncConnection, driver: "asyncpg.Connection[asyncpg.Record]") -> None:
    try:
        await driver.execute("COMMIT")
    except asyncpg.PostgresError as error:
        if sqlstate(error) in RETRYABLE:
            raise
        _outcome_unknown(error)
    except CONNECTION_LOST as error:
        await connection.invalidate()
        _outcome_unknown(error)
    except asyncio.CancelledError:
        await connection.invalidate()
        raise


def _outcome_unknown(error: Exception) -> NoReturn:
    raise Unavailable("The answer of the database was lost: repeat with the same Idempotency-Key.") from error


async def _roll_back(connection: AsyncConnection, driver: "asyncpg.Connection[asyncpg.Record]") -> None:
    try:
        await asyncio.wait_for(driver.execute("ROLLBACK"), timeout=2)
    except BaseException:  # noqa: BLE001 - a connection in an unknown state must not go back to the pool
        with suppress(Exception):
            await connection.invalidate()


def _may_help_to_repeat(error: BaseException) -> bool:
    state = sqlstate(error)
    if state:
        return state in RETRYABLE or state.startswith(UNAVAILABLE_CLASSES)
    origin = getattr(error, "orig", None) or error
    return isinstance(origin, CONNECTION_LOST) or bool(getattr(error, "connection_invalidated", False))
