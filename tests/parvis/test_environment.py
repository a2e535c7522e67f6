from pathlib import Path

import pytest

from parvis import environment
from parvis.embedded.data_folder import DataFolder, Running
from parvis.errors import CannotProceed


def test_complete_names_the_servers_of_the_folder_and_makes_a_secret(tmp_path: Path):
    folder = DataFolder(tmp_path)
    passwords = folder.credentials()
    made = environment.complete({}, folder, Running(1, "http://127.0.0.1:8000", postgres_port=5, valkey_port=6))
    assert made == {
        "PARVIS_DATABASE_URL": f"postgresql://postgres:{passwords.postgres}@127.0.0.1:5/parvis",
        "PARVIS_INVENTORY_DATABASE_URL": f"postgresql://parvis_inventory:{passwords.parvis_inventory}@127.0.0.1:5/parvis",
        "PARVIS_TICKETING_DATABASE_URL": f"postgresql://parvis_ticketing:{passwords.parvis_ticketing}@127.0.0.1:5/parvis",
        "PARVIS_VALKEY_URL": f"redis://:{passwords.valkey}@127.0.0.1:6/0",
        "PARVIS_PUBLIC_URL": "http://127.0.0.1:8000",
        "PARVIS_SECRET": folder.secret(),
        "PARVIS_DATA": str(tmp_path),
        "PARVIS_CHILD_OF": str(tmp_path),
    }


def test_complete_keeps_what_is_given_where_the_folder_runs_no_server(tmp_path: Path):
    given = {
        "PARVIS_DATABASE_URL": "postgresql://owner:o@db.example:5432/shop?ssl=require",
        "PARVIS_TICKETING_DATABASE_URL": "postgresql://parvis_ticketing:t@other.example/shop",
        "PARVIS_VALKEY_URL": "redis://cache.example",
        "PARVIS_SECRET": "given",
        "PARVIS_PUBLIC_URL": "https://tickets.example",
    }
    folder = DataFolder(tmp_path)
    made = environment.complete(given, folder, Running(1, "http://127.0.0.1:8000"))
    assert {name: made[name] for name in given} == given
    assert made["PARVIS_INVENTORY_DATABASE_URL"] == (
        f"postgresql://parvis_inventory:{folder.credentials().parvis_inventory}@db.example:5432/shop?ssl=require"
    )


def test_complete_prefers_the_servers_of_the_folder_to_what_is_given(tmp_path: Path):
    given = dict.fromkeys(
        ["PARVIS_DATABASE_URL", "PARVIS_INVENTORY_DATABASE_URL", "PARVIS_TICKETING_DATABASE_URL"], "postgresql://else/x"
    )
    made = environment.complete(given, DataFolder(tmp_path), Running(1, postgres_port=5))
    assert all("127.0.0.1:5" in made[name] for name in given)


def test_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PARVIS_DATABASE_URL", "")
    monkeypatch.setenv("OTHER", "")
    assert "PARVIS_DATABASE_URL" not in environment.given()
    assert environment.given()["OTHER"] == ""


def test_address_of_a_service_alone_is_refused():
    environment.check_sufficient({})
    environment.check_sufficient({"PARVIS_DATABASE_URL": "x", "PARVIS_TICKETING_DATABASE_URL": "y"})
    with pytest.raises(CannotProceed, match="PARVIS_TICKETING_DATABASE_URL is set but PARVIS_DATABASE_URL is not"):
        environment.check_sufficient({"PARVIS_TICKETING_DATABASE_URL": "y"})
