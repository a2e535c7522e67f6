"""Moments as clients write them: with an offset, and near enough that no arithmetic leaves Python's years."""

from datetime import datetime
from typing import Annotated

import msgspec

from services.kit.errors import Invalid

# A device without a battery believes that it is 1970, which is wrong but harmless.
EARLIEST_YEAR = 1900
LATEST_YEAR = 2199


def read_moment(text: str, pointer: str) -> datetime:
    """Reads `2027-05-01T09:00:00+02:00`; `pointer` like `/from`. Raises `Invalid`."""
    try:
        # An unescaped plus sign in a query means a space; what was meant is plain.
        moment: datetime = msgspec.convert(text.replace(" ", "+"), Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError:
        raise Invalid.field(pointer, "Use a time with its offset, such as 2027-05-01T09:00:00+02:00.") from None
    check_moment(moment, pointer)
    return moment


def check_moment(moment: datetime, pointer: str) -> None:
    """Raises `Invalid` for a year in which nothing of ours happens."""
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise Invalid.field(pointer, f"Use a year between {EARLIEST_YEAR} and {LATEST_YEAR}.")
