"""The OpenAPI 3.1 document, made from the endpoint declarations. Pure."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from live.api.answers import ErrorAnswer
from live.api.endpoint import Empty, Endpoint, Request
from live.api.request_rates import UNLIMITED

Json = dict[str, object]

SCHEMA_REF: Final = "#/components/schemas/{name}"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_REFUSALS: Final[dict[int, str]] = {
    400: "The body is not JSON",
    401: "No token, or one that does not hold",
    403: "The token may not do this",
    404: "There is no such thing, or not for this caller",
    408: "The body did not arrive in time",
    409: "The state does not allow it now, or the Idempotency-Key is in use",
    413: "The body is too long",
    422: "A field is wrong; details.field names it",
    429: "Too many requests from this address, or with the tokens of this subject; Retry-After says when to come back",
    500: "A failure on our side, logged under details.request_id",
    503: "A dependency does not answer now; Retry-After says when to come back",
}


def refusals_of(declared: Endpoint) -> list[int]:
    """Return the statuses above 399 that an endpoint may answer, in order."""
    statuses = {500, 503, *declared.refusals}
    if declared.roles is not None:
        statuses |= {401, 403}
    if _PLACEHOLDER.search(declared.path):
        statuses.add(404)
    # Unknown query parameters are refused everywhere.
    statuses.add(422)
    if declared.path not in UNLIMITED:
        statuses.add(429)
    if declared.remember:
        statuses.add(409)
    if declared.body_kind != "none":
        statuses |= {408, 413}
    if declared.body_kind == "json":
        statuses.add(400)
    return sorted(statuses)


def openapi_document(endpoints: Sequence[Endpoint], *, version: str) -> Json:
    """Return the document.

    Args:
        endpoints: everything that is served.
        version: of the program.
    """
    types: list[type[msgspec.Struct]] = [ErrorAnswer]
    for one in endpoints:
        types += [] if one.answer is None else [one.answer]
        types += [] if one.body_kind != "json" or one.body is Empty else [one.body]
        types += [] if one.query is Empty else [one.query]
    unique = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(unique, schema_hook=_any_json, ref_template=SCHEMA_REF)
    refs = dict(zip(unique, schemas, strict=True))
    paths: dict[str, Json] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, refs, components)
    queries = {one.query.__name__ for one in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Showdrop",
            "version": version,
            "description": (
                "The host's and the merchant's side of a live-shopping show. Times are integer milliseconds since "
                "the epoch (`*_at_ms`), durations are `*_ms`, money is integer minor units. Every POST takes an "
                "`Idempotency-Key`: sent twice, it is carried out once and answered the same."
            ),
        },
        "tags": [{"name": noun} for noun in dict.fromkeys(one.noun for one in endpoints)],
        "paths": paths,
        "components": {
            "schemas": {name: _shortened(schema) for name, schema in sorted(components.items()) if name not in queries},
            "responses": {str(status): _refusal(said, refs) for status, said in _REFUSALS.items()},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _shortened(schema: Json) -> Json:
    # The rest of a docstring speaks to those who read the code.
    description = schema.get("description")
    if not isinstance(description, str):
        return schema
    return {**schema, "description": " ".join(description.partition("\n\n")[0].split()).replace("``", "`")}


def _any_json(kind: type) -> Json:
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError


def _operation(declared: Endpoint, refs: dict[type[msgspec.Struct], Json], components: dict[str, Json]) -> Json:
    operation: Json = {
        "operationId": declared.name,
        "tags": [declared.noun],
        "summary": declared.summary,
        "parameters": [
            *_path_parameters(declared),
            *_query_parameters(declared, components),
            *_key_parameter(declared),
        ],
        "responses": {
            str(declared.status): _success(declared, refs),
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in refusals_of(declared)},
        },
    }
    body = _body(declared, refs)
    if body is not None:
        operation["requestBody"] = body
    if declared.roles is not None:
        operation["security"] = [{"bearer": sorted(declared.roles)}]
    return operation


def _path_parameters(declared: Endpoint) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PLACEHOLDER.findall(declared.path)
    ]


def _query_parameters(declared: Endpoint, components: dict[str, Json]) -> list[Json]:
    if declared.query is Empty:
        return []
    schema = components[declared.query.__name__]
    properties, required = schema["properties"], schema["required"]
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise TypeError(f"{declared.query.__name__} is not an object schema")
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(of)}
        for name, of in properties.items()
    ]


def _without_null(schema: Json) -> Json:
    # A query parameter is text or not there; null exists in JSON only.
    choices = schema.get("anyOf")
    if not isinstance(choices, list):
        return {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    kept = [choice for choice in choices if choice != {"type": "null"}]
    return dict(kept[0]) if len(kept) == 1 else {"anyOf": kept}


def _key_parameter(declared: Endpoint) -> list[Json]:
    if declared.method != "POST":
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Any text that is new for every wish, such as a UUID; a repeat gets the first answer",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }
    ]


def _body(declared: Endpoint, refs: dict[type[msgspec.Struct], Json]) -> Json | None:
    match declared.body_kind:
        case "none":
            return None
        case "file":
            binary: Json = {"schema": {"type": "string", "format": "binary"}}
            return {"required": True, "content": {"text/csv": binary, "text/tab-separated-values": binary}}
        case "raw":
            return {"required": True, "content": {"application/json": {"schema": {}}}}
        case "json":
            if declared.body is Empty:
                nothing: Json = {"type": "object", "maxProperties": 0}
                return {"required": False, "content": {"application/json": {"schema": nothing}}}
            return {
                "required": _has_required(declared.body),
                "content": {"application/json": {"schema": refs[declared.body]}},
            }


def _has_required(body: type[Request]) -> bool:
    return any(field.required for field in msgspec.structs.fields(body))


def _success(declared: Endpoint, refs: dict[type[msgspec.Struct], Json]) -> Json:
    content: Json = {media: {"schema": {"type": "string"}} for media in declared.answer_media}
    if declared.answer is not None:
        content = {"application/json": {"schema": refs[declared.answer]}, **content}
    return {"description": declared.summary, "content": content}


def _refusal(said: str, refs: dict[type[msgspec.Struct], Json]) -> Json:
    return {"description": said, "content": {"application/json": {"schema": refs[ErrorAnswer]}}}
