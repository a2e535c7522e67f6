"""The papers of the repository say what is true: links, settings, error codes, and the examples, which are run."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec
import msgspec.yaml
import pytest

from gateway.pages.reference import problem_codes
from parvis.settings import Settings
from services.kit.errors import Refused
from services.ticketing.access.rules import PREFIXES, new_credential, order_token
from tests.architecture.live import Live, live_demo

ROOT = Path(__file__).parents[2]
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
LINK = re.compile(r"\]\((?!\w+:)([^)#]*)(#[^)]*)?\)")
EXAMPLE = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEWEST_CURL_OPTION = "--json"
EXAMPLES_SECONDS = 60
MUSEUM_CLOSES = "23:57"

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
Texts: TypeAlias = Annotated[list[Text], msgspec.Meta(min_length=1)]
Email: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$")]


class Described(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    short_description: Annotated[str, msgspec.Meta(min_length=1, max_length=150)]
    long_description: Annotated[str, msgspec.Meta(min_length=150, max_length=10_000)]
    features: Texts


class Legal(msgspec.Struct, forbid_unknown_fields=True):
    license: Literal["EUPL-1.2"]


class Contact(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    email: Email


class Maintenance(msgspec.Struct, forbid_unknown_fields=True):
    """A community names whom to write to; a contract would name a contractor."""

    type: Literal["internal", "community"]
    contacts: Annotated[list[Contact], msgspec.Meta(min_length=1)]


class Localisation(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    localisation_ready: bool
    available_languages: Texts


class PublicCode(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Standard 0.7.0, as much of it as we use: fields without a default are mandatory."""

    publiccode_yml_version: Literal["0.7.0"]
    name: Text
    url: Annotated[str, msgspec.Meta(pattern=r"^https://\S+$")]
    platforms: Texts
    development_status: Literal["concept", "development", "beta", "stable", "obsolete"]
    software_type: Literal["standalone/web"]
    categories: Texts
    description: dict[str, Described]
    legal: Legal
    maintenance: Maintenance
    localisation: Localisation
    intended_audience: dict[str, list[str]] | msgspec.UnsetType = msgspec.UNSET
    depends_on: dict[str, list[dict[str, str | bool]]] | msgspec.UnsetType = msgspec.UNSET


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_relative_links_lead_to_files(paper: Path) -> None:
    targets = [target for target, _ in LINK.findall(paper.read_text()) if target]
    assert [target for target in targets if not (paper.parent / target).exists()] == []


def test_read_me_and_its_french_counterpart_name_each_other_and_agree() -> None:
    english, french = (ROOT / "README.md").read_text(), (ROOT / "LISEZMOI.md").read_text()
    assert "(LISEZMOI.md)" in english
    assert "(README.md)" in french
    assert EXAMPLE.findall(english) == EXAMPLE.findall(french)
    # Pictures of pages are in the reader's language.
    linked = [{target for target, _ in LINK.findall(text)} for text in (english, french.replace("-fr.png", "-en.png"))]
    assert linked[0] - {"LISEZMOI.md"} == linked[1] - {"README.md"}


def test_pictures_are_small() -> None:
    pictures = [*ROOT.glob("docs/**/*.png"), *ROOT.glob("docs/**/*.svg")]
    assert pictures
    assert [picture.name for picture in pictures if picture.stat().st_size > 150_000] == []


def test_licence_is_the_whole_of_the_one_that_is_named() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "EUROPEAN UNION PUBLIC LICENCE v. 1.2" in text
    assert [int(number) for number in re.findall(r"^(\d+)\. [A-Z]", text, re.MULTILINE)] == list(range(1, 16))
    assert text.rstrip().endswith("EUPL version.")


def test_settings_documented_are_the_settings_there_are() -> None:
    rows = re.findall(r"^\| `(PARVIS_\w+)` \|", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    assert rows == [f"PARVIS_{field.name.upper()}" for field in msgspec.structs.fields(Settings)]


def test_problem_codes_documented_are_the_codes_there_are() -> None:
    import_module("parvis.asgi")  # and with it every module that may define one
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    own = {kind.code for kind in Refused.by_code.values() if kind.__module__.startswith(("services.", "gateway."))}
    own |= {"internal", "unavailable"}
    assert len(rows) == len(dict(rows))
    assert dict(rows) == {known.code: str(known.status) for known in problem_codes() if known.code in own}


def test_credentials_are_found_by_the_documented_expressions() -> None:
    block = re.search(r"^```regex\n(.*?)^```$", (ROOT / "SECURITY.md").read_text(), re.DOTALL | re.MULTILINE)
    assert block
    expressions = [re.compile(line) for line in block[1].splitlines()]
    made = [new_credential(prefix, uuid4(), uuid4())[0] for prefix in PREFIXES]
    made.append(order_token(b"secret", uuid4(), uuid4()))
    for credential in made:
        hits = [expression.search(f"key={credential}\n") for expression in expressions]
        assert [hit[0] for hit in hits if hit] == [credential]


def test_publiccode_follows_its_standard_in_every_language() -> None:
    publiccode = msgspec.yaml.decode((ROOT / "publiccode.yml").read_text(), type=PublicCode)
    assert sorted(publiccode.description) == publiccode.localisation.available_languages
    counts = {len(described.features) for described in publiccode.description.values()}
    assert len(counts) == 1


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    curl = shutil.which("curl")
    if curl is None or NEWEST_CURL_OPTION not in _output([curl, "--help", "http"], ROOT):
        pytest.skip("the examples need curl 7.82 or newer")
    with live_demo(tmp_path_factory.mktemp("papers")) as running:
        yield running


def test_first_purchase_of_the_read_me_ends_inside_the_museum(live: Live) -> None:
    if datetime.now(ZoneInfo("Europe/Paris")).strftime("%H:%M") >= MUSEUM_CLOSES:
        pytest.skip("the day ticket of the example ends at midnight")
    examples = EXAMPLE.findall((ROOT / "README.md").read_text())
    assert [len(re.findall(r"\bcurl ", example)) for example in examples] == [5]
    answer = json.loads(_run(examples[0], live).splitlines()[-1])
    assert (answer["outcome"], answer["reason"]) == ("admitted", None)
    assert (live.folder / "tickets.pdf").read_bytes().startswith(b"%PDF-")


def test_examples_of_the_api_run_one_after_the_other(live: Live) -> None:
    examples = EXAMPLE.findall((ROOT / "docs/api.md").read_text())
    lines = _run("\n".join(examples), live).splitlines()
    # What the examples show last: a scan six days too early, the log, a field that is wrong.
    assert lines[-3:-2] == ["too_early"]
    assert lines[-1] == "#/lines/0/quantity"


def _run(script: str, live: Live) -> str:
    """In the folder that holds `.parvis`, as a reader would."""
    return _output(["bash", "-euo", "pipefail", "-c", script], live.folder.parent)


def _output(command: list[str], folder: Path) -> str:
    ran = subprocess.run(  # noqa: S603 - our own documentation
        command, cwd=folder, capture_output=True, text=True, timeout=EXAMPLES_SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
