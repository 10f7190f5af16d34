import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from inventory.channels.rows import ChannelRows
from kit.metrics import new_registry
from live.api.app_http import ApiParts, endpoints_of
from live.api.endpoint import Empty, Endpoint
from live.api.limits import FILE_BODY_MAX_BYTES, LINKS_BODY_MAX_BYTES
from live.api.openapi import openapi_document, refusals_of
from live.tokens import Tokens

CONTRACT = """
POST /v1/catalog/import
GET /v1/products
POST /v1/stock/adjust
GET /v1/shows
POST /v1/shows
GET /v1/shows/current
GET /v1/shows/{id}
POST /v1/shows/{id}/start
POST /v1/shows/{id}/pause
POST /v1/shows/{id}/resume
POST /v1/shows/{id}/end
POST /v1/shows/{id}/spotlight
POST /v1/shows/{id}/offers
GET /v1/offers/{id}
GET /v1/offers/{id}/draw
POST /v1/offers/{id}/extend
POST /v1/offers/{id}/close
POST /v1/offers/{id}/void
POST /v1/offers/{id}/announce
POST /v1/holds/{id}/checkout
POST /v1/holds/{id}/release
POST /v1/holds/{id}/extend
GET /v1/orders/{id}
GET /v1/orders
POST /v1/orders/{id}/refund
POST /v1/orders/{id}/cancel
GET /v1/lines
GET /v1/shows/{id}/report
GET /v1/channels
POST /v1/channels
GET /v1/channels/{id}/levels
POST /v1/channels/switch
POST /v1/channels/{id}/pause
POST /v1/channels/{id}/resume
POST /v1/channels/{id}/safety-stock
POST /v1/channels/{id}/links
POST /v1/channels/{id}/links/match
POST /v1/channels/{id}/links/remove
POST /v1/channels/{id}/settings
GET /v1/channels/{id}/items
GET /v1/channels/{id}/orders
POST /v1/channels/{id}/orders/cancel
POST /v1/channels/{id}/publish
POST /v1/channels/{id}/withdraw
GET /v1/channels/{id}/products
GET /v1/channels/{id}/feed
GET /v1/feeds/{id}/{token}.csv
GET /v1/feeds/{id}/{token}.tsv
DELETE /v1/channels/{id}
POST /v1/tokens
POST /v1/demo/tokens
POST /v1/webhooks/payments/{provider}
POST /v1/webhooks/channels/{id}
GET /v1/webhooks/channels/{id}
POST /v1/webhooks/endpoints
GET /v1/webhooks/endpoints
GET /v1/webhooks/endpoints/{id}
DELETE /v1/webhooks/endpoints/{id}
POST /v1/webhooks/endpoints/{id}/rotate
POST /v1/webhooks/endpoints/{id}/enable
POST /v1/webhooks/endpoints/{id}/test
GET /v1/webhooks/endpoints/{id}/deliveries
GET /v1/webhooks/endpoints/{id}/deliveries/{delivery_id}
POST /v1/webhooks/endpoints/{id}/deliveries/{delivery_id}/replay
POST /v1/webhooks/endpoints/{id}/replay
GET /v1/hooks/sample
POST /v1/hooks
DELETE /v1/hooks/{id}
GET /v1/meta
GET /healthz
GET /readyz
GET /metrics
"""


def declared(*, demo: bool = True) -> list[Endpoint]:
    # Declaring endpoints uses no collaborator; only what is shown in the document has to be there.
    rows: dict[str, Any] = dict.fromkeys(ChannelRows.__struct_fields__)
    shown = {
        "channel_rows": ChannelRows(**rows),
        "tokens": Tokens("x" * 32),
        "registry": new_registry(),
        "ws_url": "ws://x",
        "currency": "EUR",
    }
    parts: dict[str, Any] = {one.name: None for one in fields(ApiParts)} | {"checks": {}} | shown
    return endpoints_of(ApiParts(**{**parts, "demo": demo}))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(msgspec.json.encode(openapi_document(declared(), version="1.2.3")))
    return decoded


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def nodes(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from nodes(one)
    elif isinstance(value, list):
        for one in value:
            yield from nodes(one)


def test_the_document_holds_the_contract_and_nothing_else(document: dict[str, Any]) -> None:
    assert {f"{method} {path}" for method, path, _ in operations(document)} == set(CONTRACT.split("\n")) - {""}


def test_the_demo_call_is_there_in_demo_mode_only() -> None:
    assert "/v1/demo/tokens" not in {one.path for one in declared(demo=False)}


def test_every_body_has_a_limit_and_a_call_without_one_has_none() -> None:
    for one in declared():
        assert (0 < one.body_limit <= FILE_BODY_MAX_BYTES) == (one.body_kind != "none"), one.name
        assert one.body_kind in ("none", "file") or one.body_limit <= LINKS_BODY_MAX_BYTES, one.name


def test_every_call_may_be_answered_that_it_comes_too_often_but_for_probes() -> None:
    without = {one.path for one in declared() if 429 not in refusals_of(one)}
    assert without == {"/healthz", "/readyz", "/metrics"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = [node["$ref"] for node in nodes(document) if "$ref" in node]
    assert len(references) > 100
    for reference in references:
        at: Any = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]


def test_every_schema_is_a_json_schema_whose_patterns_compile(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for node in nodes(document):
        if isinstance(node.get("pattern"), str):
            re.compile(node["pattern"])


def test_every_pattern_says_in_words_what_it_takes(document: dict[str, Any]) -> None:
    # A refusal says "expected" and the description; without one, a newcomer gets a regular expression to read.
    asked = [one for one in declared() if one.body_kind == "json" or one.query is not Empty]
    names = {kind.__name__ for one in asked for kind in (one.body, one.query)}
    schemas = [document["components"]["schemas"].get(name, {}) for name in sorted(names)]
    schemas += [one["schema"] for _, _, operation in operations(document) for one in operation["parameters"]]
    patterns = [node for node in nodes(schemas) if "pattern" in node and node["pattern"] != "^[!-~]+$"]
    assert len(patterns) > 10
    assert [node for node in patterns if not node.get("description")] == []


def test_every_operation_is_named_once_and_described(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document["tags"]}
    for _, path, operation in operations(document):
        assert operation["summary"], path
        assert set(operation["tags"]) <= tags


def test_every_placeholder_of_a_path_is_a_parameter(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))


def test_every_post_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        headers = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
        assert headers == ({"Idempotency-Key"} if method == "POST" else set()), path


def test_a_call_takes_a_token_exactly_when_it_may_answer_401(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        if not path.startswith("/v1/webhooks"):
            assert ("security" in operation) == ("401" in operation["responses"]), path


def test_what_guests_may_call_is_exactly_this() -> None:
    assert {f"{one.method} {one.path}" for one in declared() if one.roles is None} == {
        "GET /v1/shows/current",
        "GET /v1/shows/{id}",
        "GET /v1/offers/{id}",
        "GET /v1/meta",
        "POST /v1/demo/tokens",
        "POST /v1/webhooks/payments/{provider}",
        "POST /v1/webhooks/channels/{id}",
        "GET /v1/webhooks/channels/{id}",
        "GET /v1/feeds/{id}/{token}.csv",
        "GET /v1/feeds/{id}/{token}.tsv",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


def test_what_viewers_may_call_is_exactly_this() -> None:
    assert {f"{one.method} {one.path}" for one in declared() if one.roles is not None and "viewer" in one.roles} == {
        "POST /v1/holds/{id}/checkout",
        "POST /v1/holds/{id}/release",
        "POST /v1/holds/{id}/extend",
        "GET /v1/orders",
        "GET /v1/orders/{id}",
    }


def test_every_refusal_has_the_one_shape(document: dict[str, Any]) -> None:
    for one in declared():
        responses = document["paths"][one.path][one.method.lower()]["responses"]
        assert set(responses) == {str(one.status), *map(str, refusals_of(one))}
    for answer in document["components"]["responses"].values():
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}


def test_the_offers_body_shows_its_limits_and_defaults(document: dict[str, Any]) -> None:
    offer = document["components"]["schemas"]["NewOffer"]
    assert offer["required"] == ["sku", "price", "quantity"]
    assert offer["additionalProperties"] is False
    shown = {
        name: (of["minimum"], of["maximum"], of.get("default"))
        for name, of in offer["properties"].items()
        if of.get("type") == "integer"
    }
    assert shown == {
        "quantity": (1, 1_000_000, None),
        "per_buyer_limit": (1, 1_000_000, 1),
        "preheat_ms": (0, 3_600_000, 0),
        "duration_ms": (1_000, 86_400_000, 60_000),
        "hold_ttl_ms": (5_000, 3_600_000, 120_000),
        "grace_ms": (0, 10_000, 1_000),
    }
