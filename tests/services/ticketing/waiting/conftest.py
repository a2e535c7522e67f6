import pytest

from tests.services.ticketing.shop import Shop
from tests.services.ticketing.waiting.lines import Lines


@pytest.fixture
def lines(shop: Shop) -> Lines:
    return Lines(shop)
