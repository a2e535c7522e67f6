"""The scanner's files as they leave the gateway, and where those come from that are not ours."""

import gzip
import hashlib
import re

import msgspec
import pytest

from gateway.scanner.app import MANIFEST_PATH, PATH, WORKER_PATH
from gateway.scanner.assets import APP, ASSETS, DECODER, FOLDER
from tests.gateway.house import House
from tests.gateway.scanner.node import run

ZXING = FOLDER / "decoder" / "zxing"


def test_foreign_files_are_those_that_the_readme_names():
    readme = (FOLDER / "decoder" / "README.md").read_text()
    named = dict(re.findall(r"^\| `zxing/([\w./]+)` \|.*\| ([0-9a-f]{64}) \|$", readme, re.MULTILINE))
    assert {path: hashlib.sha256((ZXING / path).read_bytes()).hexdigest() for path in named} == named
    present = {path.relative_to(ZXING).as_posix() for path in ZXING.rglob("*") if path.is_file()}
    assert present == {*named, "LICENSE-ZXING-CPP", "zxing_reader.wasm.br"}


def test_compressed_decoder_is_the_decoder():
    assert (
        run("brotli.mjs", str(ZXING / "zxing_reader.wasm.br"))
        == hashlib.sha256((ZXING / "zxing_reader.wasm").read_bytes()).hexdigest()
    )


async def test_page_may_run_its_own_code_only(house: House):
    page = await house.client.get(PATH)
    policy = page.headers["content-security-policy"]
    assert page.status_code == 200
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "camera=(self)" in page.headers["permissions-policy"]
    assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=", page.text)


async def test_whatever_the_page_and_its_worker_name_is_served_and_kept(house: House):
    page, worker = [await house.client.get(path) for path in (PATH, WORKER_PATH)]
    named = {*re.findall(r'(?:src|href)="([^"]+)"', page.text), *re.findall(r'"(/scanner/[^"]+)"', worker.text)}
    assert worker.headers["service-worker-allowed"] == PATH
    assert {f"{PATH}/{path}" for path in ASSETS} <= named
    for path in named - {MANIFEST_PATH}:
        answer = await house.client.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    manifest = (await house.client.get(MANIFEST_PATH)).json()
    assert (manifest["start_url"], manifest["scope"]) == (PATH, PATH)
    assert {icon["src"] for icon in manifest["icons"]} <= named


async def test_page_that_is_known_is_not_sent_again(house: House):
    first = await house.client.get(PATH)
    again = await house.client.get(PATH, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(("accepted", "coding"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None)])
async def test_decoder_leaves_as_small_as_the_reader_takes_it(house: House, accepted: str, coding: str | None):
    path = f"{PATH}/{DECODER.name}/zxing/zxing_reader.wasm"
    async with house.client.stream("GET", path, headers={"accept-encoding": accepted}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    whole = (ZXING / "zxing_reader.wasm").read_bytes()
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"] == "application/wasm"
    assert {"br": (ZXING / "zxing_reader.wasm.br").read_bytes(), None: whole}.get(coding, raw) == raw
    assert coding != "gzip" or gzip.decompress(raw) == whole


async def test_only_the_decoder_may_compile(house: House):
    policies = [
        (await house.client.get(f"{PATH}/{name}")).headers["content-security-policy"]
        for name in (f"{DECODER.name}/worker.js", f"{APP.name}/main.js")
    ]
    assert ["wasm-unsafe-eval" in policy for policy in policies] == [True, False]


@pytest.mark.parametrize("path", ["", "app/main.js", "decoder/README.md", "nothing"])
async def test_nothing_else_is_there(house: House, path: str):
    assert (await house.client.get(f"{PATH}/{path}")).status_code == 404


async def test_nothing_is_sent_to_the_page(house: House):
    answer = await house.client.post(PATH, content=msgspec.json.encode({}))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
