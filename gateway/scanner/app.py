"""The scanner: one page, its files, and the service worker that keeps them on the phone.

Everything that scans happens in the browser (`static/app`), over the public API; nothing here knows a ticket.
"""

import hashlib

import msgspec
from litestar.types import HTTPScope

from gateway.replies import HTML, Headers, Reply
from gateway.scanner.assets import APP, ASSETS, DECODER, FOLDER, zipped
from services.kit.errors import NotFound

PATH = "/scanner"
ROUTE = "/scanner"
IMMUTABLE: Headers = ((b"cache-control", b"public, max-age=31536000, immutable"), (b"vary", b"accept-encoding"))
# The page and the worker are asked for again each time: they name everything else.
FRESH: Headers = ((b"cache-control", b"no-cache"), (b"vary", b"accept-encoding"))
# `https:` because a hub in the house may have any address (`static/app/hub.js`).
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' https:; "
    b"worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Headers = (
    (b"content-security-policy", PAGE_POLICY),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)
# A worker has a policy of its own; only the decoder's may compile WebAssembly.
DECODER_POLICY = b"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
SERVICE_WORKER_HEADERS: Headers = (
    (b"content-security-policy", b"default-src 'none'; connect-src 'self'; frame-ancestors 'none'"),
    # Its own folder would be /scanner/, and the page is /scanner.
    (b"service-worker-allowed", PATH.encode()),
)
JAVASCRIPT = b"text/javascript; charset=utf-8"
MANIFEST_TYPE = b"application/manifest+json"


async def scanner_reply(scope: HTTPScope) -> Reply:
    """Raises `NotFound`."""
    accepted = _header(scope, b"accept-encoding").lower()
    made = MADE.get(scope["path"])
    if made is not None:
        return _made(made, accepted, _header(scope, b"if-none-match"))
    asset = ASSETS.get(scope["path"].removeprefix(f"{PATH}/"))
    if asset is None:
        raise NotFound
    reply = Reply(status=200, body=asset.body, media_type=asset.media_type, headers=IMMUTABLE)
    if scope["path"].startswith(f"{PATH}/{DECODER.name}/"):
        reply = _with(reply, (b"content-security-policy", DECODER_POLICY))
    if asset.brotli and b"br" in {coding.partition(b";")[0].strip() for coding in accepted.split(b",")}:
        return _with(msgspec.structs.replace(reply, body=asset.brotli), (b"content-encoding", b"br"))
    return _zipped(reply, accepted)


def _made(reply: Reply, accepted: bytes, if_none_match: bytes) -> Reply:
    tag = b'"' + hashlib.sha256(reply.body).hexdigest()[:20].encode() + b'"'
    reply = _with(reply, (b"etag", b"W/" + tag))
    if tag in if_none_match:
        return msgspec.structs.replace(reply, status=304, body=b"")
    return _zipped(reply, accepted)


def _zipped(reply: Reply, accepted: bytes) -> Reply:
    if b"gzip" not in accepted or reply.media_type == b"image/png":
        return reply
    return _with(msgspec.structs.replace(reply, body=zipped(reply.body)), (b"content-encoding", b"gzip"))


def _with(reply: Reply, *headers: tuple[bytes, bytes]) -> Reply:
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))


def _header(scope: HTTPScope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _page() -> bytes:
    values = {
        "{app}": APP.name,
        "{decoder}": DECODER.name,
        "{version}": VERSION,
        # All at once, instead of one round trip for each level of imports.
        "{preloads}": "\n".join(
            f'<link rel="modulepreload" href="{PATH}/{path}">'
            for path in APP.paths
            if path.endswith(".js") and not path.endswith("/main.js")
        ),
    }
    page = TEMPLATE
    for place, value in values.items():
        page = page.replace(place, value)
    return page.encode()


def _service_worker() -> bytes:
    named = {
        "VERSION": VERSION,
        "PAGE": PATH,
        "APP": [*(f"{PATH}/{path}" for path in APP.paths), MANIFEST_PATH],
        "DECODER": [f"{PATH}/{path}" for path in DECODER.paths],
    }
    lines = (f"const {name} = {msgspec.json.encode(value).decode()};" for name, value in named.items())
    return ("\n".join(lines) + "\n").encode() + SERVICE_WORKER


def _manifest() -> bytes:
    icon = f"{PATH}/{APP.name}/icons/icon"
    return msgspec.json.encode(
        {
            "id": PATH,
            "name": "Parvis Scanner",
            "short_name": "Scanner",
            "start_url": PATH,
            "scope": PATH,
            "display": "standalone",
            "background_color": "#111114",
            "theme_color": "#111114",
            "icons": [
                {"src": f"{icon}.svg", "sizes": "any", "type": "image/svg+xml"},
                {"src": f"{icon}-192.png", "sizes": "192x192", "type": "image/png"},
                {"src": f"{icon}-512.png", "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
            ],
        }
    )


TEMPLATE = (FOLDER / "scanner.html").read_text()
SERVICE_WORKER = (FOLDER / "service-worker.js").read_bytes()
WORKER_PATH, MANIFEST_PATH = f"{PATH}/worker.js", f"{PATH}/manifest.webmanifest"
VERSION = hashlib.sha256(TEMPLATE.encode() + SERVICE_WORKER + APP.name.encode() + DECODER.name.encode()).hexdigest()[:8]
MADE = {
    PATH: Reply(status=200, body=_page(), media_type=HTML, headers=FRESH + PAGE_HEADERS),
    WORKER_PATH: Reply(
        status=200, body=_service_worker(), media_type=JAVASCRIPT, headers=FRESH + SERVICE_WORKER_HEADERS
    ),
    MANIFEST_PATH: Reply(status=200, body=_manifest(), media_type=MANIFEST_TYPE, headers=FRESH),
}
