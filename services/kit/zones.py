"""IANA time zones, checked where they enter."""

from zoneinfo import ZoneInfo, available_timezones

from services.kit.errors import Invalid


def checked_zone(name: str, pointer: str = "/timezone") -> ZoneInfo:
    """Raises `Invalid` for a name that is not in the IANA database."""
    if name not in available_timezones():
        raise Invalid.field(pointer, f"{name!r} is no IANA time zone; for example Europe/Paris.")
    return ZoneInfo(name)
