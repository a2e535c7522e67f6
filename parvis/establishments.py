"""Founding an establishment from the command line, with the same checks as the API."""

from functools import partial

import msgspec

from parvis.errors import CannotProceed
from parvis.settings import Settings
from services.kit.clock import SystemClock
from services.kit.database import Database, WriteSession
from services.kit.errors import Refused
from services.kit.ids import new_id
from services.ticketing.access.actions import NewApiKey, create_api_key, create_operator_key
from services.ticketing.establishments.actions import NewEstablishment, create_establishment


async def create(settings: Settings, fields: dict[str, object]) -> str:
    """`fields` as in the body of `POST /v1/establishments`. Returns the first admin key, shown only here."""
    try:
        new = msgspec.convert(fields, NewEstablishment)
    except msgspec.ValidationError as error:
        raise CannotProceed(str(error)) from error
    establishment_id = new_id()

    async def found(session: WriteSession) -> str:
        await create_establishment(session, establishment_id, new)
        key = NewApiKey(name="First admin key", scopes=["admin"])
        now = SystemClock().now()
        return (await create_api_key(session, establishment_id, key, now=now, mode=_mode(settings))).secret

    database = Database(settings.ticketing_database_url, pool_size=1)
    try:
        return await database.write(establishment_id, found)
    except Refused as refused:
        raise CannotProceed(refused.detail or refused.title) from refused
    finally:
        await database.close()


async def operator_key(settings: Settings, name: str) -> str:
    """A new key of the instance, shown only here."""
    database = Database(settings.ticketing_database_url, pool_size=1)
    try:
        return await database.write_instance(partial(create_operator_key, name=name, mode=_mode(settings)))
    finally:
        await database.close()


def _mode(settings: Settings) -> str:
    return "test" if settings.test_mode else "live"
