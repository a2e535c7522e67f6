"""The rules on the phone are those of the server: one table of cases for both."""

import json
from pathlib import Path

import pytest

from tests.gateway.scanner.node import run

TABLE = json.loads((Path(__file__).parents[2] / "gate" / "cases.json").read_text())


@pytest.fixture(scope="module")
def answers():
    return run("cases.mjs", TABLE)


def test_phone_decides_every_case_as_the_server_does(answers):
    names = [case["name"] for case in TABLE["cases"]]
    expected = [case["verdict"] for case in TABLE["cases"]]
    assert dict(zip(names, answers["verdicts"], strict=True)) == dict(zip(names, expected, strict=True))
    assert len(names) == len(set(names)) > 100


def test_phone_counts_passages_as_the_server_does(answers):
    names = [fold["name"] for fold in TABLE["folds"]]
    expected = [{"facts": fold["facts"], "conflicts": fold["conflicts"]} for fold in TABLE["folds"]]
    assert dict(zip(names, answers["folds"], strict=True)) == dict(zip(names, expected, strict=True))
