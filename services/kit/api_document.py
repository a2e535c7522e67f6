"""A service's OpenAPI document: the framework's, with the schemas that msgspec itself validates and encodes by.

The framework's own schemas lose limits inside lists, objects and unions, bounds of zero, and closed objects.
"""

import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin

import msgspec
from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

Json: TypeAlias = dict[str, Any]

JSON = "application/json"
REFERENCE = "#/components/schemas/{name}"
# Our patterns end with \Z, because Python's $ lets a line break follow. JSON Schema's does not, and has no \Z.
END = re.compile(r"\\Z")
PARAMETERS = {
    "establishment": {
        "type": "string",
        "pattern": "^[a-z0-9-]{2,63}$",
        "description": "Slug or id of the establishment",
        "examples": ["musee-demo"],
    },
    "ticket_id": {
        "type": "string",
        "pattern": r"^[0-9a-f-]{36}(\.(pdf|svg|ics))?$",
        "description": "The id alone for JSON; with .pdf, .svg or .ics behind it for the page, the QR code, the entry",
    },
}
NOT_MODIFIED: Json = {
    "description": "The body that you have is still right",
    "headers": {"ETag": {"schema": {"type": "string"}}},
}


class HouseDocument(JsonRenderPlugin):
    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        return self.render_json(request, described(request.app, openapi_schema))


def operation_id(handler: HTTPRouteHandler, _: Method, path: list[str | PathParameterDefinition]) -> str:
    """The name of the function, which says what it does. The framework's own routes all have the same."""
    name = handler.handler_name
    return f"{name}{path}" if name.startswith("_") else name


def described(app: Litestar, document: Json) -> Json:
    handlers = {
        (route.path_format, method.lower()): handler
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
    }
    operations = [
        (handlers[path, method], operation)
        for path, item in document.get("paths", {}).items()
        for method, operation in item.items()
    ]
    types = {kind for handler, _ in operations for kind in (*_asked(handler), *_answered(handler))}
    ordered = sorted(types, key=repr)
    schemas, components = msgspec.json.schema_components(ordered, schema_hook=_anything, ref_template=REFERENCE)
    _mark_moments(components, document.get("components", {}).get("schemas", {}))
    by_type = dict(zip(ordered, schemas, strict=True))
    for handler, operation in operations:
        _describe(handler, operation, by_type)
    changed: Json = _with_ends(document | {"components": {"schemas": components}})
    return changed


def _describe(handler: HTTPRouteHandler, operation: Json, schemas: dict[Any, Json]) -> None:
    for parameter in operation.get("parameters", []):
        _describe_parameter(parameter)
    asked = list(_asked(handler))
    if asked:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[asked[0]]}}}
    answered = [schemas[kind] for kind in _answered(handler)]
    success = operation["responses"][str(handler.status_code)]
    content: Json = {}
    if answered:
        content[JSON] = {"schema": answered[0] if len(answered) == 1 else {"anyOf": answered}}
    for media_type in handler.opt.get("media_types", ()):
        content[media_type] = {}
    if content:
        success["content"] = content
    if handler.opt.get("etag"):
        operation["responses"]["304"] = NOT_MODIFIED
    operation["x-scope"] = handler.opt.get("scope")


def _describe_parameter(parameter: Json) -> None:
    if parameter["in"] != "path":
        return
    schema = PARAMETERS.get(parameter["name"])
    if schema is None:
        schema = {"type": "string", "format": "uuid"} if parameter["name"].endswith("_id") else parameter["schema"]
    parameter["schema"] = schema


def _asked(handler: HTTPRouteHandler) -> Iterator[Any]:
    if handler.parsed_data_field is not None:
        yield handler.parsed_data_field.annotation


def _answered(handler: HTTPRouteHandler) -> Iterator[Any]:
    """The types of a successful answer; several where the route decides by what was asked."""
    answer = handler.parsed_fn_signature.return_type.annotation
    if get_origin(answer) is Response:
        answer = get_args(answer)[0]
    for kind in get_args(answer) if _is_union(answer) else (answer,):
        is_made_by_framework = isinstance(kind, type) and issubclass(kind, Response)
        if kind not in (None, NoneType, bytes, Any) and not is_made_by_framework:
            yield kind


def _is_union(kind: object) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _anything(kind: object) -> Json:
    """What may be any JSON is typed as object in our structs. Raises `NotImplementedError` for any other type."""
    if kind is object:
        return {"description": "Any JSON"}
    raise NotImplementedError(kind)


def _mark_moments(schemas: Json, of_framework: Json) -> None:
    """Times without a stated zone may be naive for msgspec, so it says nothing of their format; ours never are."""
    for name, schema in schemas.items():
        known = of_framework.get(name, {}).get("properties", {})
        for field, place in schema.get("properties", {}).items():
            is_moment = "date-time" in repr(known.get(field))
            for part in place.get("anyOf", [place]) if is_moment else ():
                part.update({"format": "date-time"} if part.get("type") == "string" else {})


def _with_ends(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_with_ends(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: END.sub("$", item) if name == "pattern" and isinstance(item, str) else _with_ends(item)
        for name, item in value.items()
    }
