"""One OpenAPI document out of the services' own."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from litestar.types import ASGIApp

from gateway.replies import Headers, Reply, ask
from gateway.resources import Resource, Resources
from services.kit.errors import Unavailable

Json: TypeAlias = dict[str, Any]

FRESH_SECONDS = 60
TIMEOUT_SECONDS = 2
METHODS = ("get", "post", "put", "patch", "delete")
SCHEMA = "#/components/schemas/"
PROBLEM = {"$ref": "#/components/responses/Problem"}
TRY_AGAIN = {"$ref": "#/components/responses/TryAgain"}
DESCRIPTION = (
    "Timed tickets for cultural establishments: offers, availability, orders, tickets, entry. "
    "Money is in minor units, times carry an offset, errors are problem details (RFC 9457) with a stable `code`."
)
KEY_DESCRIPTION = "An API key, a device token, or the `access_token` of one order."


class Document(msgspec.Struct, frozen=True):
    """`tag` is the same for the same content."""

    content: Json
    encoded: bytes
    tag: str
    resources: Resources


class ApiDocument:
    """Asks the services for their documents, at most once a minute."""

    def __init__(self, upstreams: Mapping[str, ASGIApp], public_url: str) -> None:
        self._upstreams = upstreams
        self._public_url = public_url
        self._known: Document | None = None
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()

    async def document(self) -> Document:
        """Raises `Unavailable` when a service does not give its part and none was given before."""
        async with self._lock:
            if self._known is not None and time.monotonic() < self._fresh_until:
                return self._known
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    parts = {name: await _part(name, app) for name, app in self._upstreams.items()}
            except (Unavailable, TimeoutError) as error:
                if self._known is None:
                    raise Unavailable("A service does not describe itself now.") from error
                parts = None
            self._fresh_until = time.monotonic() + FRESH_SECONDS
            if parts is not None:
                self._known = _document(merge(parts, self._public_url))
            return self._known  # type: ignore[return-value]  # set above or before: mypy loses it over the lock

    def known_resource(self, path: str) -> Resource | None:
        """None also as long as nobody has asked for the document."""
        return self._known.resources.find(path) if self._known is not None else None


def _document(content: Json) -> Document:
    encoded = msgspec.json.encode(content)
    resources = Resources({path: item.keys() for path, item in content["paths"].items()})
    return Document(content, encoded, hashlib.sha256(encoded).hexdigest()[:16], resources)


def cached_reply(reply: Reply, tag: str, if_none_match: bytes | None) -> Reply:
    etag = f'"{tag}"'.encode()
    headers: Headers = ((b"etag", etag), (b"cache-control", b"public, max-age=60"), *reply.headers)
    if if_none_match is not None and etag in if_none_match:
        return Reply(status=304, body=b"", headers=headers)
    return msgspec.structs.replace(reply, headers=headers)


async def _part(name: str, app: ASGIApp) -> Json:
    reply = await ask(app, "/openapi.json")
    if reply.status != 200:  # noqa: PLR2004 - a status
        raise Unavailable(f"The service {name} does not describe itself now.")
    return msgspec.json.decode(reply.body, type=dict[str, Any])


def merge(parts: Mapping[str, Json], public_url: str) -> Json:
    """The public paths of all parts. A schema whose name another part uses for something else gets a longer name."""
    paths: Json = {}
    schemas: Json = {"Problem": _problem_schema(), "FieldError": _field_error_schema()}
    operation_ids: set[str] = set()
    for name, part in parts.items():
        own = part.get("components", {}).get("schemas", {})
        renamed = {key: f"{name.title()}{key}" for key, schema in own.items() if schemas.get(key, schema) != schema}
        for key, schema in own.items():
            schemas[renamed.get(key, key)] = _with_references(schema, renamed)
        for path, item in part.get("paths", {}).items():
            if path.startswith("/v1"):
                target = paths.setdefault(path, {})
                target |= _operations(name, path, _with_references(item, renamed), operation_ids)
    tags = sorted({tag for item in paths.values() for operation in item.values() for tag in operation["tags"]})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Parvis", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": public_url.rstrip("/")}],
        "tags": [{"name": tag} for tag in tags],
        "security": [{}, {"key": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": _shared_responses(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": KEY_DESCRIPTION}},
        },
    }


def _operations(service: str, path: str, item: Json, operation_ids: set[str]) -> Json:
    operations: Json = {}
    for method in METHODS:
        if method not in item:
            continue
        operation = dict(item[method])
        operation["tags"] = operation.get("tags") or [_tag(service, path)]
        operation["responses"] = _responses(operation.get("responses", {}))
        operation |= _access(operation.pop("x-scope", None), operation.get("description", ""))
        if operation.get("operationId") in operation_ids:
            operation["operationId"] = f"{service.title()}{operation['operationId']}"
        if "operationId" in operation:
            operation_ids.add(operation["operationId"])
        operations[method] = operation
    return operations


def _access(scope: str | None, description: str) -> Json:
    """What a service says about the scope that it wants, in the words of OpenAPI."""
    if scope is None:
        return {"security": [{}, {"key": []}]}
    needed = f"Needs a key with the scope `{scope}`."
    return {"security": [{"key": []}], "description": f"{description}\n\n{needed}" if description else needed}


def _responses(responses: Json) -> Json:
    """Errors as they really leave: what the framework writes about them has another shape."""
    kept = {status: response for status, response in responses.items() if not _is_invented(status, response)}
    return kept | {"4XX": PROBLEM, "503": TRY_AGAIN}


def _is_invented(status: str, response: Json) -> bool:
    return status[0] in "45" and "application/problem+json" not in response.get("content", {})


def _tag(service: str, path: str) -> str:
    """The resource that a path is about: `orders`, or what inventory adds to an offer."""
    words = [word for word in path.split("/")[2:] if word and not word.startswith("{")]
    if words[0] != "establishments":
        return words[0]
    words = words[1:] or words
    return words[1] if service == "inventory" and len(words) > 1 else words[0]


def _with_references(value: Any, renamed: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if not renamed:
        return value
    if isinstance(value, list):
        return [_with_references(item, renamed) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _with_references(item, renamed) for key, item in value.items()}
    reference = copy.get("$ref")
    if isinstance(reference, str) and reference.startswith(SCHEMA):
        name = reference.removeprefix(SCHEMA)
        copy["$ref"] = SCHEMA + renamed.get(name, name)
    return copy


def _problem_schema() -> Json:
    return {
        "title": "Problem",
        "type": "object",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Leads to what the code means"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "Stable: clients may decide by it"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": SCHEMA + "FieldError"}},
            "remaining": {"type": ["integer", "null"], "description": "Places left, where places were refused"},
        },
    }


def _field_error_schema() -> Json:
    return {
        "title": "FieldError",
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {
            "pointer": {"type": "string", "description": "JSON pointer into the body, like #/lines/0/quantity"},
            "detail": {"type": "string"},
        },
    }


def _shared_responses() -> Json:
    content = {"application/problem+json": {"schema": {"$ref": SCHEMA + "Problem"}}}
    retry_after = {"description": "Seconds to wait before the next try", "schema": {"type": "integer"}}
    return {
        "Problem": {"description": "Refused: see `code`", "content": content},
        "TryAgain": {
            "description": "Not now: try again after `Retry-After`",
            "headers": {"Retry-After": retry_after},
            "content": content,
        },
    }
