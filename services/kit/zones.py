"""IANA time zones, checked where they enter."""

from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from services.kit.errors import Invalid

# The longest name of the database has 32 characters.
ZoneName = Annotated[str, msgspec.Meta(max_length=64, description="IANA time zone", examples=["Europe/Paris"])]


def checked_zone(name: str, pointer: str = "/timezone") -> ZoneInfo:
    """Raises `Invalid` for a name that is not in the IANA database."""
    if name not in available_timezones():
        raise Invalid.field(pointer, f"{name!r} is no IANA time zone; for example Europe/Paris.")
    return ZoneInfo(name)
