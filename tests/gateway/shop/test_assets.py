import gzip
import re

import pytest

from gateway.shop.assets import DARK_GROUND, FOLDER, LIGHT_GROUND, asset, style_path
from gateway.shop.remembered import takes_gzip
from services.kit.colours import contrast
from tests.gateway.shop.street import Street


@pytest.mark.parametrize("accent", ["#1d4e89", "#000000", "#767676", "#b3202c", "#6b2737"])
def test_accent_is_readable_on_every_ground(accent: str):
    sheet = asset(style_path(accent), zipped=False)
    assert sheet is not None
    light, dark = re.findall(rb"--accent:(#[0-9a-f]{6});--on-accent:(#[0-9a-f]{6})", sheet.body)
    for (colour, text), ground in ((light, LIGHT_GROUND), (dark, DARK_GROUND)):
        assert contrast(colour.decode(), ground) >= 4.5
        assert contrast(text.decode(), colour.decode()) >= 4.5


def test_colours_of_the_style_sheet_are_readable():
    sheet = (FOLDER / "shop.css").read_text()
    for scheme in re.findall(r":root \{(.*?)\}", sheet, re.DOTALL):
        named = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", scheme))
        for text in ("ink", "quiet", "wrong"):
            for ground in ("paper", "ground"):
                assert contrast(named[text], named[ground]) >= 4.5, (text, ground)
        # The border of a field is all that shows where it is (WCAG 1.4.11).
        assert contrast(named["edge"], named["paper"]) >= 3
    assert {LIGHT_GROUND, DARK_GROUND} == set(re.findall(r"--ground: (#[0-9a-f]{6})", sheet))


async def test_assets_are_kept_for_a_year_and_sent_compressed(street: Street):
    page = await street.page(street.offer(street.museum))
    paths = [values["src"] for values in page.all("script") if "src" in values]
    paths += [values["href"] for values in page.all("link", rel="stylesheet") + page.all("link", rel="icon")]

    assert len(paths) == 3
    for path in paths:
        plain = await street.http.get(path, headers={"accept-encoding": "identity"})
        zipped = asset(path, zipped=True)
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert zipped is not None
        assert gzip.decompress(zipped.body) == plain.content
        assert (b"content-encoding", b"gzip") in zipped.headers


@pytest.mark.parametrize("path", ["/static/", "/static/shop.css", "/static/shop.js", "/static/..%2fapp.py"])
async def test_only_assets_under_their_whole_name_are_served(street: Street, path: str):
    assert (await street.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        (b"gzip, br", True),
        (b"br;q=1.0, GZIP;q=0.5", True),
        (b"gzip;q=0", False),
        (b"gzip ; q=0.000", False),
        (b"br, x-gzip", False),
        (b"", False),
    ],
)
def test_gzip_is_for_who_takes_it(accepted: bytes, *, zipped: bool):
    assert takes_gzip(accepted) is zipped
