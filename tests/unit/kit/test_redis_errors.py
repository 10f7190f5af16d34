"""Which errors of Redis are its own trouble, and which are mistakes of ours."""

import pytest
from redis.exceptions import AskError, ReadOnlyError, ResponseError

from kit.errors import UnavailableError
from kit.redis_client import redis_errors

TROUBLE = [
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "NOREPLICAS Not enough good replicas to write.",
]
MISTAKES = ["ERR unknown command 'NONSENSE'", "WRONGTYPE Operation against a key", "BUSYKEY Target key exists."]


@pytest.mark.parametrize("text", TROUBLE)
def test_what_ends_by_itself_or_when_an_operator_acts_is_away_for_now(text: str) -> None:
    with pytest.raises(UnavailableError, match=text.split(" ", maxsplit=1)[0]), redis_errors():
        raise ResponseError(text)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ReadOnlyError("You can't write against a read only replica."), "ReadOnlyError"),
        (AskError("12182 10.0.0.5:6379"), "AskError"),
        (ResponseError("MISCONF 10.0.0.5 is unable to persist to disk."), "MISCONF"),
    ],
)
def test_of_what_redis_said_only_words_of_our_list_are_repeated(error: ResponseError, word: str) -> None:
    with pytest.raises(UnavailableError) as unavailable, redis_errors():
        raise error
    assert unavailable.value.message == f"Redis cannot now: {word}"


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_of_ours_passes_through(text: str) -> None:
    with pytest.raises(ResponseError), redis_errors():
        raise ResponseError(text)
