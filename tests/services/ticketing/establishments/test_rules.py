import base64
from datetime import date

import pytest

from services.kit.errors import Invalid
from services.ticketing.establishments.requests import AccessibilityInput
from services.ticketing.establishments.rules import check_accent, check_accessibility, check_logo, check_slug

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"><path d="M0 0h9"/></g><use href="#a"/></svg>'
AUDIT = date(2026, 10, 1)


def svg(text: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize("slug", ["docs", "static", "v1", "metrics", "order"])
def test_slug_that_would_hide_a_path_of_the_instance_is_refused(slug: str):
    with pytest.raises(Invalid, match="choose another"):
        check_slug(slug)


@pytest.mark.parametrize("slug", ["01234567-89ab-7def-8123-456789abcdef", "0123456789abcdef0123456789abcdef"])
def test_slug_that_reads_like_an_id_is_refused(slug: str):
    with pytest.raises(Invalid, match="reads like an id"):
        check_slug(slug)


def test_other_slugs_are_free():
    check_slug("musee-des-docs")


def test_accent_that_can_be_read_is_taken():
    for colour in ("#1d3557", "#767676", "#000000"):
        check_accent(colour)


def test_accent_that_cannot_be_read_is_refused_with_the_nearest_that_can():
    with pytest.raises(Invalid) as refused:
        check_accent("#ff8800")
    assert refused.value.errors[0].pointer == "#/accent_colour"
    nearest = refused.value.detail.rpartition(" ")[2].rstrip(".")
    check_accent(nearest)


@pytest.mark.parametrize("logo", ["", svg(DRAWING), "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="])
def test_logo_may_be_a_drawing_or_a_picture(logo: str):
    check_logo(logo)


@pytest.mark.parametrize(
    "logo",
    [
        "https://museum.example/logo.svg",
        "data:image/gif;base64,R0lGODlh",
        "data:image/png;base64,PHN2Zz4=",
        "data:image/svg+xml;base64,AAA",
        svg("<p>no drawing</p>"),
        svg("<svg><script>alert(1)</script></svg>"),
        svg('<svg onload="alert(1)"></svg>'),
        svg('<svg><image href="https://elsewhere.example/a.png"/></svg>'),
        svg('<svg><a xlink:href="javascript:alert(1)"/></svg>'),
        svg('<svg><style>@import "https://elsewhere.example";</style></svg>'),
        svg('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>'),
    ],
)
def test_logo_that_does_more_than_be_seen_is_refused(logo: str):
    with pytest.raises(Invalid):
        check_logo(logo)


@pytest.mark.parametrize(
    "stated",
    [
        AccessibilityInput(),
        AccessibilityInput(status="non_compliant", audited_on=AUDIT, compliance_percent=20),
        AccessibilityInput(status="partially_compliant", audited_on=AUDIT, compliance_percent=50),
        AccessibilityInput(status="compliant", audited_on=AUDIT, compliance_percent=100),
    ],
)
def test_statement_that_rests_on_an_audit_is_taken(stated: AccessibilityInput):
    check_accessibility(stated)


@pytest.mark.parametrize(
    "stated",
    [
        AccessibilityInput(status="compliant"),
        AccessibilityInput(status="compliant", audited_on=AUDIT, compliance_percent=99),
        AccessibilityInput(status="partially_compliant", audited_on=AUDIT, compliance_percent=49),
        AccessibilityInput(status="non_compliant", compliance_percent=20),
    ],
)
def test_statement_that_claims_more_than_was_found_is_refused(stated: AccessibilityInput):
    with pytest.raises(Invalid):
        check_accessibility(stated)
