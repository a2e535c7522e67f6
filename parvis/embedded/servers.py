import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

from parvis.embedded.cluster import SUPERUSER
from parvis.embedded.data_folder import DataFolder, Running
from parvis.embedded.postgres import PostgresServer, postgres_url
from parvis.embedded.valkey import ValkeyServer, valkey_url
from parvis.supervisor import leftovers


class EmbeddedServers:
    """PostgreSQL and Valkey of a locked data folder. The four URLs are known once both have been started."""

    def __init__(self, folder: DataFolder, *, durable: bool = True) -> None:
        self._credentials = folder.credentials()
        environment = server_environment(folder)
        self.postgres = PostgresServer(folder.postgres, self._credentials.postgres, environment, durable=durable)
        self.valkey = ValkeyServer(folder.valkey, self._credentials.valkey, environment)

    @property
    def admin_url(self) -> str:
        """The superuser's: for migrations, and for tests that make databases."""
        return postgres_url(SUPERUSER, self._credentials.postgres, self.postgres.port)

    @property
    def inventory_url(self) -> str:
        return postgres_url("parvis_inventory", self._credentials.parvis_inventory, self.postgres.port)

    @property
    def ticketing_url(self) -> str:
        return postgres_url("parvis_ticketing", self._credentials.parvis_ticketing, self.postgres.port)

    @property
    def valkey_url(self) -> str:
        return valkey_url(self._credentials.valkey, self.valkey.port)

    def running(self, url: str | None = None) -> Running:
        return Running(os.getpid(), url, self.postgres.port or None, self.valkey.port or None)

    async def __aenter__(self) -> Self:
        try:
            await self.postgres.start()
            await self.valkey.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        await self.valkey.stop()
        await self.postgres.stop()


@contextlib.asynccontextmanager
async def embedded_servers(path: Path, *, durable: bool = True) -> AsyncIterator[EmbeddedServers]:
    """Lock the folder (made if need be), run its servers for as long as the block runs, and stop them."""
    folder = DataFolder(path)
    with folder.locked():
        async with EmbeddedServers(folder, durable=durable) as servers:
            yield servers


def server_environment(folder: DataFolder) -> dict[str, str]:
    """Nothing of ours: a PGPORT or a locale from somebody's shell must not change what a server does."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        leftovers.MARK: str(folder.path),
    }
