"""The handwritten documents: tables that come from code are current, links lead somewhere, examples work."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from checkout.order import NEXT_STATES
from inventory.channels.registry import channel_kinds

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "k8s" / "README.md", *sorted(DOCS.rglob("*.md"))]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

Verify = Callable[[str, dict[str, str], bytes], None]


def test_the_diagram_of_an_orders_life_has_every_move_and_no_other() -> None:
    text = (DOCS / "payments.md").read_text(encoding="utf-8")
    moves = {(old, new) for old, states in NEXT_STATES.items() for new in states}
    assert set(re.findall(r"^    (\w+) --> (\w+)", text, re.MULTILINE)) == moves


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    text = without_examples(page)
    targets = [
        one.partition("#") for one in re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)[^)]*\)", text) if "://" not in one
    ]
    files = [(page.parent / path if path else page, heading) for path, _, heading in targets]
    assert [file for file, _ in files if not file.exists()] == []
    assert [(file.name, heading) for file, heading in files if heading and heading not in headings(file)] == []


def without_examples(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def headings(page: Path) -> set[str]:
    """Return what links may name after the `#`, as GitHub makes it of the headings."""
    titles = re.findall(r"^#+ (.+)$", without_examples(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_decision_is_in_the_index() -> None:
    files = sorted(page.name for page in (DOCS / "decisions").glob("0*.md"))
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\((0[^)]+\.md)\)", index) == files


@pytest.fixture
def verify() -> Verify:
    """The example of the channels page, as a reader would paste it."""
    text = (DOCS / "channels.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(import base64.*?)```", text, re.DOTALL)
    names: dict[str, Verify] = {}
    exec(example, names)  # noqa: S102 - our own documentation
    return names["verify"]


def signed(body: bytes, at: datetime) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", at, body.decode()),
    }


def test_the_webhook_example_takes_what_we_sign(verify: Verify) -> None:
    verify(SECRET, signed(b'{"a":1}', datetime.now(UTC)), b'{"a":1}')


def test_the_webhook_example_refuses_another_body(verify: Verify) -> None:
    with pytest.raises(ValueError, match="signature"):
        verify(SECRET, signed(b'{"a":1}', datetime.now(UTC)), b'{"a":2}')


def test_the_webhook_example_refuses_an_old_call(verify: Verify) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        verify(SECRET, signed(b"{}", datetime.now(UTC) - timedelta(hours=1)), b"{}")


def test_every_kind_of_channel_is_described_with_its_item_ids() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)`[^|]*\|[^|]*\| ([^|]*) \|", (DOCS / "channels.md").read_text(encoding="utf-8"))
    kinds = {name: kind for name, kind in channel_kinds(SECRET, allow_private=False).items() if name != "webhook"}
    described = {name: form.replace("`", "") for name, form in rows if name in kinds}
    assert described.keys() == kinds.keys()
    for name, kind in kinds.items():
        assert described[name].startswith(kind.item_form), name
