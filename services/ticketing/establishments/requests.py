"""What an establishment may say about itself in its shop."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from services.kit.texts import NOT_BLANK, Language

MAX_LOGO_LENGTH = 60_000

# A blank line parts paragraphs; there is no markup.
LongText = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000, pattern=NOT_BLANK)]
LongTexts = Annotated[dict[Language, LongText], msgspec.Meta(max_length=10)]
Url = Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s\"'<>]+)?\Z", max_length=500)]
Logo = Annotated[
    str,
    msgspec.Meta(max_length=MAX_LOGO_LENGTH, description="A data: URI of an SVG or PNG, or empty for none"),
]
Phone = Annotated[
    str, msgspec.Meta(max_length=32, pattern=r"^(\+?[0-9][0-9 ().-]{1,30})?\Z", examples=["+33 1 23 45 67 89"])
]
Origin = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?\Z", max_length=300, examples=["https://www.museum.example"]
    ),
]
Line = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]*\Z", max_length=200)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


class AccessibilityInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The result of an audit of the shop; `not_audited` as long as there was none."""

    status: Literal["not_audited", "non_compliant", "partially_compliant", "compliant"] = "not_audited"
    audited_on: date | None = None
    auditor: Line = ""
    compliance_percent: Percent | None = None
    not_accessible: LongTexts = {}
    plan_url: Url = ""


class PresentationChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only the fields sent are changed. `allowed_origins` are the sites that may show the calendar in a frame."""

    logo: Logo | UnsetType = UNSET
    about: LongTexts | UnsetType = UNSET
    opening_hours: LongTexts | UnsetType = UNSET
    access: LongTexts | UnsetType = UNSET
    terms: LongTexts | UnsetType = UNSET
    legal_notice: LongTexts | UnsetType = UNSET
    contact_phone: Phone | UnsetType = UNSET
    website: Url | UnsetType = UNSET
    allowed_origins: Annotated[list[Origin], msgspec.Meta(max_length=20)] | UnsetType = UNSET
    accessibility: AccessibilityInput | UnsetType = UNSET
