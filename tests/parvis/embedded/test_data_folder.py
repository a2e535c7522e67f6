import base64
import os
from pathlib import Path

import pytest

from parvis.embedded.data_folder import DataFolder, Running
from parvis.errors import CannotProceed


def test_folder_and_files_are_closed_to_others(tmp_path: Path):
    folder = DataFolder(tmp_path / "data")
    with folder.locked():
        folder.secret()
        folder.credentials()
        folder.announce(Running(pid=os.getpid()))
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.path.iterdir()}
    assert oct(folder.path.stat().st_mode & 0o777) == "0o700"
    assert modes == dict.fromkeys(["lock", "secret", "credentials.json", "running.json"], "0o600")


def test_secret_and_credentials_are_made_once(tmp_path: Path):
    folder = DataFolder(tmp_path)
    first = folder.secret(), folder.credentials()
    assert (folder.secret(), folder.credentials()) == first
    assert len(base64.b64decode(first[0], validate=True)) == 32
    assert len({*(getattr(first[1], name) for name in first[1].__struct_fields__)}) == 6


def test_second_holder_is_told_who_holds_the_folder(tmp_path: Path):
    folder = DataFolder(tmp_path)
    with folder.locked(), pytest.raises(CannotProceed) as refusal, DataFolder(tmp_path).locked():
        pass
    assert str(refusal.value) == (
        f"Parvis already runs in {tmp_path} (process {os.getpid()}): stop it, or choose another folder with --data."
    )
    with DataFolder(tmp_path).locked():
        pass


def test_running_instance_is_found_only_while_it_holds_the_folder(tmp_path: Path):
    folder, running = DataFolder(tmp_path), Running(pid=os.getpid(), url="http://127.0.0.1:1", postgres_port=2)
    assert folder.running() is None
    with folder.locked():
        with pytest.raises(CannotProceed, match="just being started or stopped"):
            folder.running()
        folder.announce(running)
        assert DataFolder(tmp_path).running() == running
    assert folder.running() is None


def test_announcement_of_an_instance_that_was_killed_does_not_count(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.announce(Running(pid=1))
    assert folder.running() is None
    with folder.locked():
        assert not (tmp_path / "running.json").exists()


def test_credentials_missing_beside_a_database_are_not_made_again(tmp_path: Path):
    folder = DataFolder(tmp_path)
    folder.postgres.mkdir()
    (folder.postgres / "PG_VERSION").write_text("18\n")
    with pytest.raises(CannotProceed, match=r"credentials\.json is missing"):
        folder.credentials()


def test_damaged_credentials_are_named(tmp_path: Path):
    (tmp_path / "credentials.json").write_text("{")
    with pytest.raises(CannotProceed, match=r"credentials\.json is damaged"):
        DataFolder(tmp_path).credentials()


def test_path_below_a_file_cannot_be_a_folder(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotProceed, match="cannot be used as data folder: Not a directory"):
        DataFolder(tmp_path / "file" / "data").locked().__enter__()
