import pytest

from tests.conftest import Instance


@pytest.fixture
def instance(shared_instance: Instance) -> Instance:
    """Each test sells in an establishment of its own."""
    return shared_instance
