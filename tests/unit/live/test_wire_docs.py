"""The wire document: current, complete, and with an example that the decoders take."""

import re
from pathlib import Path
from typing import get_args

import pytest
from websockets.frames import CloseCode as ProtocolCloseCode

from live import wire
from live.close_codes import CloseCode, may_reconnect
from live.wire_catalogue import CLIENT, MESSAGES, SERVER, tag_of
from live.wire_docs import document, files
from live.wire_examples import OTHERS, SESSION, Message

PROTOCOL = (
    ProtocolCloseCode.PROTOCOL_ERROR,
    ProtocolCloseCode.INVALID_DATA,
    ProtocolCloseCode.MESSAGE_TOO_BIG,
    ProtocolCloseCode.INTERNAL_ERROR,
)
"""What the frame reader closes with by itself."""


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.name))
def test_the_committed_document_is_what_the_types_say(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run: python -m live.wire_docs"


def test_both_documents_are_written() -> None:
    assert [path.name for path in files()] == ["wire.md", "asyncapi.json"]


def test_every_message_is_in_one_group() -> None:
    assert sorted(MESSAGES, key=tag_of) == sorted(
        [*get_args(wire.ClientMessages), *get_args(wire.ServerMessages)], key=tag_of
    )
    assert all(issubclass(one, wire.ClientMessage) for one in CLIENT.messages)
    assert all(issubclass(one, wire.ServerMessage) for group in SERVER for one in group.messages)


@pytest.mark.parametrize("struct", [*get_args(wire.ClientMessages), *get_args(wire.ServerMessages)])
def test_every_message_has_one_section_with_all_its_fields(struct: type[wire.ServerMessage]) -> None:
    headings = document().split(f"### `{struct.__struct_config__.tag}`\n")
    assert len(headings) == 2
    section = headings[1].partition("\n##")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(struct.__struct_fields__)


def test_every_link_leads_to_a_heading() -> None:
    text = document()
    anchors = {heading.lower() for heading in re.findall(r"^### (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) == anchors


@pytest.mark.parametrize("message", [*SESSION, *OTHERS], ids=lambda one: str(type(one).__name__))
def test_an_example_is_what_the_other_side_can_read(message: Message) -> None:
    payload = wire.encode_json(message)
    if isinstance(message, wire.ClientMessage):
        assert wire.client_decoder(binary=False)(payload) == message
    else:
        assert wire.decode_server(payload) == message


def test_the_example_breaks_no_rule_about_positions() -> None:
    seqs = [message.seq for message in SESSION if isinstance(message, wire.LogEvent)]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_every_close_code_has_its_row_and_its_words() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (yes|no) \| (.+) \|$", document(), re.MULTILINE)
    assert {(int(code), name) for code, name, _, _ in rows} == {
        (code.value, code.name) for code in (*CloseCode, *PROTOCOL)
    }
    assert all(words for *_, words in rows)
    assert all((back == "yes") == may_reconnect(int(code)) for code, _, back, _ in rows)
