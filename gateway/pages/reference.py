"""What the pages about the API show, read out of its OpenAPI document."""

from typing import Any

import msgspec

import services.inventory.contract
import services.ticketing.contract  # noqa: F401 - both for the refusals that they make known
from gateway.openapi import METHODS, SCHEMA, Json
from services.kit.errors import Refused

SUCCESS = "2"


class Kind(msgspec.Struct, frozen=True):
    """A type in words; `schema` is the name of the one that it refers to."""

    words: str
    schema: str = ""


class Field(msgspec.Struct, frozen=True):
    name: str
    kind: Kind
    required: bool
    description: str
    place: str = ""


class Operation(msgspec.Struct, frozen=True):
    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body: Kind | None
    answers: list[tuple[str, Kind | None]]


class Section(msgspec.Struct, frozen=True):
    name: str
    operations: list[Operation]


class Schema(msgspec.Struct, frozen=True):
    name: str
    description: str
    kind: Kind
    fields: list[Field]


class ProblemCode(msgspec.Struct, frozen=True):
    code: str
    status: int
    title: str


def sections(document: Json) -> list[Section]:
    by_tag: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                by_tag[item[method]["tags"][0]].append(_operation(path, method, item[method]))
    return [Section(name, operations) for name, operations in by_tag.items() if operations]


def schemas(document: Json) -> list[Schema]:
    return [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]


def problem_codes() -> list[ProblemCode]:
    known = [ProblemCode(kind.code, kind.status, kind.title) for kind in Refused.by_code.values()]
    known.append(ProblemCode("unavailable", 503, "Try again in a moment"))
    known.append(ProblemCode("internal", 500, "Something broke on our side"))
    return sorted(known, key=lambda problem: problem.code)


def _operation(path: str, method: str, operation: Json) -> Operation:
    return Operation(
        # Not the bare id: a section may have the same name.
        id=f"operation-{operation.get('operationId', method + path.replace('/', '-'))}",
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=[
            Field(
                name=parameter["name"],
                kind=kind_of(parameter.get("schema", {})),
                required=parameter.get("required", False),
                description=parameter.get("description", ""),
                place=parameter.get("in", ""),
            )
            for parameter in operation.get("parameters", [])
        ],
        body=_content_kind(operation.get("requestBody", {})),
        answers=[
            (status, _content_kind(response))
            for status, response in operation["responses"].items()
            if status.startswith(SUCCESS)
        ],
    )


def _content_kind(holder: Json) -> Kind | None:
    for media_type, content in holder.get("content", {}).items():
        schema = content.get("schema")
        return kind_of(schema) if schema and "json" in media_type else Kind(media_type)
    return None


def _schema(name: str, schema: Json) -> Schema:
    required = set(schema.get("required", []))
    fields = [
        Field(key, kind_of(value), key in required, value.get("description", ""))
        for key, value in schema.get("properties", {}).items()
    ]
    return Schema(name, schema.get("description", ""), kind_of(schema), fields)


def kind_of(schema: Any) -> Kind:  # noqa: ANN401 - a JSON schema, or true and false
    if not isinstance(schema, dict):
        return Kind("anything")
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(SCHEMA)
        return Kind(name, name)
    for union in ("oneOf", "anyOf"):
        if union in schema:
            return _union([kind_of(option) for option in schema[union]])
    if "enum" in schema:
        return Kind(" | ".join(repr(option).replace("'", '"') for option in schema["enum"]))
    if "const" in schema:
        return Kind(repr(schema["const"]).replace("'", '"'))
    return _plain(schema)


def _union(options: list[Kind]) -> Kind:
    words = " | ".join(option.words for option in options)
    references = [option.schema for option in options if option.schema]
    return Kind(words, references[0] if len(references) == 1 else "")


def _plain(schema: Json) -> Kind:
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return Kind(" | ".join(str(option) for option in kind))
    if kind == "array":
        item = kind_of(schema.get("items"))
        return Kind(f"list of {item.words}", item.schema)
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        value = kind_of(schema["additionalProperties"])
        return Kind(f"object of {value.words}", value.schema)
    details = [str(schema["format"])] if "format" in schema else []
    details += [f"≥ {schema['minimum']:g}"] if "minimum" in schema else []
    details += [f"≤ {schema['maximum']:g}"] if "maximum" in schema else []
    return Kind(f"{kind} ({', '.join(details)})" if details else str(kind))
