"""When the provider is asked about payments of which it has told us nothing: soon, and then less and less often."""

from collections.abc import Iterator
from datetime import datetime, timedelta

# A notification usually comes within seconds; then we ask ourselves, at twice the age each time.
ASK_AFTER = timedelta(seconds=20)
# The last time is at an age of 121 days: no debit is under way for so long.
TIMES_ASKED = 20


def births_to_ask_about(last_round: datetime | None, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Payments made after the first and until the second moment of a pair have come to an age at which to ask.

    They did so since the last round; without one, everybody who is old enough is asked about.
    """
    if last_round is None:
        yield now - ASK_AFTER * 2**TIMES_ASKED, now - ASK_AFTER
        return
    for doubled in range(TIMES_ASKED):
        age = ASK_AFTER * 2**doubled
        yield last_round - age, now - age
