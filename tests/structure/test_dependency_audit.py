"""A finding is never hidden, and what was not looked up is not called clean."""

import json

from tests.structure.dependency_audit import CLEAN, FOUND, UNKNOWN, judged

GOOD = {"name": "anyio", "version": "4.16.0", "vulns": []}
BAD = {"name": "h11", "version": "0.14.0", "vulns": [{"id": "GHSA-vqfr-h8mv-ghfj", "fix_versions": ["0.16.0"]}]}
SKIPPED = {"name": "rich", "skip_reason": "Dependency not found on PyPI and could not be audited: rich (15.0.0)"}


def said(*dependencies: object) -> tuple[int, str]:
    code, lines = judged("x.lock", json.dumps({"dependencies": dependencies, "fixes": []}).encode())
    return code, "\n".join(lines)


def test_what_was_looked_up_and_is_clean_is_clean() -> None:
    assert said(GOOD, GOOD) == (CLEAN, "x.lock: 2 looked up, 0 known holes")


def test_a_finding_is_told_with_what_fixes_it() -> None:
    code, text = said(GOOD, BAD)
    assert code == FOUND
    assert "h11 0.14.0: GHSA-vqfr-h8mv-ghfj, fixed in 0.16.0" in text


def test_a_finding_beside_what_could_not_be_looked_up_is_still_a_finding() -> None:
    code, text = said(SKIPPED, BAD)
    assert code == FOUND
    assert "NOT AUDITED: 1 of 2" in text


def test_what_could_not_be_looked_up_is_not_called_clean() -> None:
    assert said(GOOD, SKIPPED)[0] == UNKNOWN
    assert said()[0] == UNKNOWN
    assert judged("x.lock", b"")[0] == UNKNOWN
    assert judged("x.lock", b"ERROR: no network")[0] == UNKNOWN
