"""What a phone keeps and tells, whatever it was shown and however long it was left alone."""

import pytest

from tests.gateway.scanner.node import run


@pytest.fixture(scope="module")
def happened():
    return run("phone.mjs", None)


def test_scan_that_the_server_cannot_take_holds_up_no_other(happened):
    found = happened["one_bad_scan_among_many"]
    assert found["said"] == {"pending": 0, "foreign": 0, "isPushFailing": False, "conflicts": 0, "unrecorded": 2}
    assert found["invalid"] == [["house-0003", "invalid"], ["house-0017", "invalid"]]
    assert (found["states"], found["again"]) == (["settled"], 0)
    assert found["isFew"]


def test_upload_that_fails_is_shown_and_keeps_no_news_from_coming(happened):
    is_failing, is_pulled, is_online = True, True, True
    expected = [3, is_failing, is_pulled, is_online]
    assert happened["refused_for_who_asks_or_where"] == dict.fromkeys(
        ["rights", "place", "busy", "broken", "portal", "mute"], expected
    )
    failed, then = happened["failure_that_is_over"]
    assert failed
    assert (then["isPushFailing"], then["pending"]) == (False, 0)


def test_scans_of_another_establishment_hold_up_none_of_ours(happened):
    found = happened["scans_of_another_establishment"]
    assert found["sent"] == [f"house-{number:04}" for number in range(5)]
    assert (found["said"]["pending"], found["said"]["foreign"], found["waiting"]) == (0, 250, 250)


def test_text_that_no_server_takes_is_refused_at_once_and_never_sent(happened):
    found = happened["codes_that_are_none"]
    assert found["verdicts"] == [["refused", "unknown_ticket", "settled"]] * 5
    assert (found["asked"], found["waiting"], found["kept"]) == (0, 0, 5)
    assert found["plausible"] == [True] * 3


def test_ticket_of_two_days_stays_on_a_phone_left_on_overnight(happened):
    status, yesterday, days, latest, over = happened["ticket_of_two_days_on_a_phone_left_on"]
    assert status == "cancelled"
    assert (yesterday, over) == (None, None)
    assert (days, latest) == (["2027-05-01"], "pass:venue:2027-05-01")


def test_phone_switched_on_offline_on_a_new_day_goes_on_with_the_keys_it_has(happened):
    found = happened["switched_on_without_a_network_on_a_new_day"]
    assert found["told"] == {"isUsable": True, "keys": [1], "inside": 0, "expected": 0}
    assert found["refusal"] == "unknown_ticket"
    assert not found["isAnotherVenueUsable"]
    assert (found["days"], found["isOfAnotherDay"]) == (["2027-05-03"], False)


def test_pass_left_inside_yesterday_takes_room_today(happened):
    assert happened["pass_that_nobody_scanned_out_into_a_full_house"] == ["full_inside", None]


def test_night_belongs_to_the_day_before_by_the_calendar(happened):
    assert happened["days_around_a_change_of_clocks"] == [
        ["2027-03-29", "2027-03-28"],
        ["2027-03-29", "2027-03-28"],
        ["2027-11-01", "2027-10-31"],
        ["2027-03-01", "2027-02-28"],
        ["2027-05-01"],
    ]
