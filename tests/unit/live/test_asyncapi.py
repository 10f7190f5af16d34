"""The AsyncAPI document: whole, without a dangling reference, and with schemas that take what the decoders take."""

import copy
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft7Validator

from live import wire
from live.asyncapi import asyncapi_document
from live.close_codes import CloseCode, may_reconnect
from live.wire_catalogue import PROTOCOL_CLOSE_CODES

CLIENT = {one.__struct_config__.tag: one for one in get_args(wire.ClientMessages)}
SERVER = {one.__struct_config__.tag: one for one in get_args(wire.ServerMessages)}
ALL = CLIENT | SERVER


def read(**given: str) -> dict[str, Any]:
    """Return the document as a program sees it: read from JSON."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(asyncapi_document(version="1.2.3", **given)))
    return document


DOCUMENT = read()
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]
OPERATIONS: dict[str, dict[str, Any]] = DOCUMENT["operations"]
WRONG: list[object] = [None, True, 7, "other", [], {}]
EXAMPLES = [(tag, example["payload"]) for tag, message in MESSAGES.items() for example in message["examples"]]


def at(node: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    """Return the object that stands at a path."""
    found: Any = node
    for step in path:
        found = found[step]
    assert isinstance(found, dict)
    return found


def resolve(ref: str) -> dict[str, Any]:
    assert ref.startswith("#/")
    return at(DOCUMENT, tuple(ref[2:].split("/")))


def refs(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def validator(tag: str) -> Draft7Validator:
    """Return what checks the payload of a message; AsyncAPI's own schemas are a superset of JSON Schema draft 7."""
    return Draft7Validator({"allOf": [MESSAGES[tag]["payload"]], "components": DOCUMENT["components"]})


def decodes(tag: str, payload: object) -> bool:
    raw = msgspec.json.encode(payload)
    try:
        message = wire.client_decoder(binary=False)(raw) if tag in CLIENT else wire.decode_server(raw)
    except msgspec.ValidationError:
        return False
    return type(message) is ALL[tag]


def objects(node: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where the objects of a payload are, itself first; not the map of ``reactions``, whose keys are data."""
    if isinstance(node, dict):
        if path != ("counts",):
            yield path
        for key, value in node.items():
            yield from objects(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from objects(value, (*path, index))


def tags_of(operation: dict[str, Any]) -> list[str]:
    return [resolve(resolve(one["$ref"])["$ref"])["name"] for one in operation["messages"]]


def test_every_reference_leads_somewhere() -> None:
    for ref in refs(DOCUMENT):
        assert resolve(ref), ref


def test_every_message_of_the_wire_is_there_once_and_nothing_else() -> None:
    assert sorted(MESSAGES) == sorted(ALL)
    assert [message["name"] for message in MESSAGES.values()] == list(MESSAGES)
    assert {tag: message["payload"]["$ref"] for tag, message in MESSAGES.items()} == {
        tag: f"#/components/schemas/{struct.__name__}" for tag, struct in ALL.items()
    }
    channel = DOCUMENT["channels"]["live"]["messages"]
    assert channel == {tag: {"$ref": f"#/components/messages/{tag}"} for tag in MESSAGES}


def test_every_schema_is_used() -> None:
    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} <= set(refs(DOCUMENT))


def test_every_message_has_a_title_words_and_an_example() -> None:
    assert MESSAGES["claim.accepted"]["title"] == "Claim accepted"
    assert MESSAGES["claim.accepted"]["summary"] == "The units are kept for this buyer until `expires_at_ms`."
    assert all(message["title"] and message["summary"] and message["examples"] for message in MESSAGES.values())


@pytest.mark.parametrize(("tag", "payload"), EXAMPLES)
def test_an_example_fits_its_schema_and_the_decoder(tag: str, payload: dict[str, Any]) -> None:
    validator(tag).validate(payload)
    assert decodes(tag, payload)


@pytest.mark.parametrize(("tag", "payload"), EXAMPLES)
def test_a_schema_misses_the_fields_that_the_decoder_misses(tag: str, payload: dict[str, Any]) -> None:
    for path in objects(payload):
        for key in at(payload, path):
            less = copy.deepcopy(payload)
            del at(less, path)[key]
            assert validator(tag).is_valid(less) == decodes(tag, less), (*path, key)


@pytest.mark.parametrize(("tag", "payload"), EXAMPLES)
def test_a_schema_refuses_the_values_that_the_decoder_refuses(tag: str, payload: dict[str, Any]) -> None:
    for path in objects(payload):
        for key in at(payload, path):
            for wrong in WRONG:
                changed = copy.deepcopy(payload)
                at(changed, path)[key] = wrong
                assert validator(tag).is_valid(changed) == decodes(tag, changed), (*path, key, wrong)


@pytest.mark.parametrize(("tag", "payload"), EXAMPLES)
def test_unknown_fields_are_refused_from_clients_and_allowed_from_the_server(tag: str, payload: dict[str, Any]) -> None:
    for path in objects(payload):
        more = copy.deepcopy(payload)
        at(more, path)["of_a_later_version"] = 1
        assert validator(tag).is_valid(more) == decodes(tag, more) == (tag in SERVER), path


def test_the_client_sends_and_the_server_is_received() -> None:
    sent = [tag for one in OPERATIONS.values() if one["action"] == "send" for tag in tags_of(one)]
    heard = [tag for one in OPERATIONS.values() if one["action"] == "receive" for tag in tags_of(one)]
    answers = [tag for one in OPERATIONS.values() if "reply" in one for tag in tags_of(one["reply"])]
    assert sorted(sent) == sorted(CLIENT)
    assert len(heard) == len(set(heard))
    assert {*heard, *answers} == SERVER.keys()
    assert "from the client's point of view" in DOCUMENT["info"]["description"]


def test_what_answers_what() -> None:
    replies = {tags_of(one)[0]: tags_of(one["reply"]) for one in OPERATIONS.values() if "reply" in one}
    assert replies == {
        "hello": ["welcome"],
        "claim": ["claim.accepted", "claim.refused", "claim.entered"],
        "checkout": [*(tag for tag in SERVER if tag.startswith("order.")), "error"],
        "release": ["hold.released", "hold.changed", "hold.expired", "error"],
        "extend": ["hold.changed", "hold.expired", "hold.released", "error"],
        "waitlist.join": ["waitlist.joined", "waitlist.refused"],
        "waitlist.leave": ["waitlist.left", "waitlist.refused"],
        "ping": ["pong"],
    }


def test_what_ties_an_answer_to_its_question_is_a_field_of_both() -> None:
    ties = {tag: message["correlationId"]["$ref"] for tag, message in MESSAGES.items() if "correlationId" in message}
    assert ties["claim"] == ties["claim.accepted"] == ties["claim.refused"] == ties["claim.entered"]
    assert ties["checkout"] == ties["order.submitted"] == ties["release"] == ties["hold.released"]
    assert ties["extend"] == ties["hold.changed"]
    for tag, ref in ties.items():
        field = resolve(ref)["location"].removeprefix("$message.payload#/")
        assert field in ALL[tag].__struct_fields__


def test_the_connection_is_described() -> None:
    channel = DOCUMENT["channels"]["live"]
    assert channel["address"] == "/v1/shows/{show_id}/live"
    assert channel["parameters"].keys() == {"show_id"}
    assert channel["bindings"]["ws"]["method"] == "GET"
    offered = channel["bindings"]["ws"]["headers"]["properties"]["Sec-WebSocket-Protocol"]
    assert offered["enum"] == list(channel["x-subprotocols"]) == ["showdrop.json", "showdrop.msgpack"]
    assert DOCUMENT["defaultContentType"] == channel["x-subprotocols"]["showdrop.json"]["contentType"]


def test_every_close_code_is_there_with_what_to_do() -> None:
    listed = DOCUMENT["channels"]["live"]["x-close-codes"]
    known = [(one.code, one.name) for one in PROTOCOL_CLOSE_CODES] + [(one.value, one.name) for one in CloseCode]
    assert [(one["code"], one["name"]) for one in listed] == known
    assert all(one["reconnect"] == may_reconnect(one["code"]) and one["description"] for one in listed)


def test_texts_are_markdown_and_not_restructured_text() -> None:
    assert "``" not in msgspec.json.encode(DOCUMENT).decode()
    assert "Attributes:" not in msgspec.json.encode(DOCUMENT).decode()


@pytest.mark.parametrize(
    ("ws_url", "server"),
    [
        ("ws://127.0.0.1:8001", {"protocol": "ws", "host": "127.0.0.1:8001"}),
        ("wss://live.example.com/", {"protocol": "wss", "host": "live.example.com"}),
        ("wss://shop.example.com/live/", {"protocol": "wss", "host": "shop.example.com", "pathname": "/live"}),
        ("wss://me:secret@live.example.com", {"protocol": "wss", "host": "live.example.com"}),
        ("ws://[::1]:8001", {"protocol": "ws", "host": "[::1]:8001"}),
    ],
)
def test_the_server_is_the_gateway_of_the_settings(ws_url: str, server: dict[str, str]) -> None:
    gateway = read(ws_url=ws_url)["servers"]["gateway"]
    gateway.pop("description")
    assert gateway == server


def test_without_settings_the_gateway_is_a_variable() -> None:
    gateway = DOCUMENT["servers"]["gateway"]
    assert gateway["host"] == "{host}"
    assert gateway["variables"]["host"]["default"] == "127.0.0.1:8001"
    assert DOCUMENT["info"]["version"] == "1.2.3"
