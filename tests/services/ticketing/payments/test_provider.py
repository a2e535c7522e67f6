import subprocess
import sys

import pytest

from services.ticketing.payments.provider import CheckoutLine
from tests.services.ticketing.payments.orders import checkout


def test_lines_that_do_not_add_up_are_a_bug():
    with pytest.raises(ValueError, match="add up"):
        checkout(amount_minor=3601)
    assert checkout(amount_minor=500, lines=[CheckoutLine("Plein tarif", 5, 100)]).amount_minor == 500


@pytest.mark.parametrize("module", ["services.ticketing.payments.provider", "parvis.cli"])
def test_sdk_is_not_imported_where_nobody_pays(module: str):
    code = f"import sys, {module}; sys.exit('stripe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own interpreter
