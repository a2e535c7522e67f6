"""Every table of ticketing in one metadata, for migrations and the tests that walk them."""

import services.ticketing.access.tables
import services.ticketing.catalog.tables
import services.ticketing.entry.tables
import services.ticketing.establishments.tables
import services.ticketing.ledger.tables
import services.ticketing.messages.tables
import services.ticketing.orders.tables
import services.ticketing.payments.tables
import services.ticketing.tickets.tables
import services.ticketing.waiting.tables  # noqa: F401 - importing a slice's tables adds them to the metadata
from services.ticketing.tables import ROLE, SCHEMA, metadata

__all__ = ["ROLE", "SCHEMA", "metadata"]
