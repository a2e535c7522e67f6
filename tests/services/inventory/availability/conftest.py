import pytest

from tests.conftest import Instance


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    """Each establishment is a world of its own: no need of a database for every test."""
    return shared_instance
