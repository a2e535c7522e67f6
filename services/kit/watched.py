"""A database that says what it wrote for."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from services.kit.database import Database, WriteSession
from services.kit.errors import Refused

T = TypeVar("T")


class WatchedDatabase(Database):
    """Tells its watchers the establishment of every transaction that changed something or may have."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        super().__init__(url, pool_size=pool_size)
        self._watchers: list[Callable[[UUID], None]] = []

    def watch(self, changed: Callable[[UUID], None]) -> None:
        """`changed` is called after the commit and before the caller has its answer. It must not wait or raise."""
        self._watchers.append(changed)

    async def write(self, establishment_id: UUID, action: Callable[[WriteSession], Awaitable[T]]) -> T:
        try:
            result = await super().write(establishment_id, action)
        except Refused:
            raise
        except BaseException:
            # The commit may have been carried out although its answer, or the one who waited for it, is gone.
            self._tell(establishment_id)
            raise
        self._tell(establishment_id)
        return result

    def _tell(self, establishment_id: UUID) -> None:
        for changed in self._watchers:
            changed(establishment_id)
