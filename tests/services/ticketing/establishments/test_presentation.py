from datetime import date
from functools import partial
from uuid import UUID, uuid4

import pytest

from services.kit.database import Database
from services.kit.errors import Invalid
from services.ticketing.establishments.actions import change_presentation, create_establishment
from services.ticketing.establishments.queries import Accessibility, Presentation, find_presentation
from services.ticketing.establishments.requests import AccessibilityInput, PresentationChange
from tests.conftest import Instance
from tests.services.ticketing.shop import new_establishment


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    return shared_instance


async def museum(database: Database) -> UUID:
    tenant = uuid4()
    new = new_establishment(f"musee-{tenant.hex}")
    await database.write(tenant, partial(create_establishment, establishment_id=tenant, new=new))
    return tenant


async def change(database: Database, tenant: UUID, wanted: PresentationChange) -> Presentation:
    return await database.write(tenant, partial(change_presentation, establishment_id=tenant, change=wanted))


async def shown(database: Database, tenant: UUID) -> Presentation:
    return await database.read(tenant, partial(find_presentation, establishment_id=tenant))


async def test_presentation_is_empty_until_something_is_said(ticketing_database: Database):
    assert await shown(ticketing_database, await museum(ticketing_database)) == Presentation()


async def test_change_keeps_what_was_not_sent(ticketing_database: Database):
    ours, theirs = await museum(ticketing_database), await museum(ticketing_database)
    audit = AccessibilityInput("compliant", date(2026, 10, 1), "Cabinet", 100)
    await change(ticketing_database, ours, PresentationChange(about={"fr": "Un lieu"}, accessibility=audit))
    changed = await change(ticketing_database, ours, PresentationChange(website="https://museum.example"))

    assert changed == await shown(ticketing_database, ours)
    assert changed == Presentation(
        about={"fr": "Un lieu"},
        website="https://museum.example",
        accessibility=Accessibility("compliant", date(2026, 10, 1), "Cabinet", 100),
    )
    assert await shown(ticketing_database, theirs) == Presentation()


async def test_change_of_nothing_is_refused(ticketing_database: Database):
    tenant = await museum(ticketing_database)
    with pytest.raises(Invalid):
        await change(ticketing_database, tenant, PresentationChange())
