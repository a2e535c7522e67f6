"""Codes bent in every way: nobody is admitted by one, and none upsets the phone."""

import os

import pytest

from tests.gateway.scanner.node import run

COUNT = int(os.environ.get("PARVIS_FORGED_CODES", "100000"))
# A slow machine judges more than this in a second.
LEAST_PER_SECOND = 2_000


@pytest.fixture(scope="module")
def judged():
    return run("mutations.mjs", {"count": COUNT, "seed": 20261122}, timeout_seconds=30 + COUNT / LEAST_PER_SECOND)


def test_no_forged_code_is_admitted_and_none_throws(judged):
    assert (judged["admitted"], judged["thrown"]) == ([], [])
    assert sum(sum(reasons.values()) for reasons in judged["reasons"].values()) == COUNT


def test_each_is_refused_for_what_is_wrong_with_it(judged):
    only = {name: next(iter(reasons)) for name, reasons in judged["reasons"].items() if len(reasons) == 1}
    assert (
        only.items()
        >= {
            "foreign_key": "forged",
            "swapped_key_id": "forged",
            "swapped_halves": "forged",
            "swapped_slot": "forged",
            "zeros": "forged",
            "foreign_house": "wrong_establishment",
            "other_house_by_our_key": "wrong_establishment",
            "truncated": "unknown_ticket",
            "longer": "unknown_ticket",
            "small": "unknown_ticket",
            "expired": "too_late",
            "too_early": "too_early",
            "wrong_place": "wrong_gate",
            "unknown_tariff_and_slot": "wrong_gate",
            "used": "already_admitted",
            "cancelled": "cancelled",
            "replaced": "cancelled",
        }.items()
    )


def test_genuine_codes_among_them_are_admitted(judged):
    assert judged["genuine"] == ["admitted"] * 50
