import base64
import json
import time

import jwt
import pytest

from kit.errors import InvalidError, UnauthorisedError
from kit.ids import new_id
from live.tokens import SUBJECT_MAX_CHARACTERS, TOKEN_MAX_CHARACTERS, TTL_MAX_S, Tokens

SECRET = "a secret that is long enough for HS256"


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET)


def signed(claims: dict[str, object], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def good_claims() -> dict[str, object]:
    return {"sub": "buyer-1", "role": "viewer", "exp": int(time.time()) + 60}


def test_a_minted_token_says_who_it_is_for_and_when_it_ends(tokens: Tokens) -> None:
    show_id = new_id("show")
    before_ms = int(time.time()) * 1000
    token, expires_at_ms = tokens.mint("viewer", "buyer-1", show_id, ttl_s=60)
    identity = tokens.verify(token)
    assert (identity.subject, identity.role, identity.show_id) == ("buyer-1", "viewer", show_id)
    assert before_ms + 60_000 <= expires_at_ms <= int(time.time()) * 1000 + 60_000


def test_a_merchants_own_token_without_iat_is_taken(tokens: Tokens) -> None:
    assert tokens.verify(signed(good_claims())).subject == "buyer-1"


def test_a_token_from_a_clock_that_runs_ahead_is_taken(tokens: Tokens) -> None:
    assert tokens.verify(signed(good_claims() | {"iat": int(time.time()) + 120})).subject == "buyer-1"


def test_a_token_that_names_a_show_is_good_for_that_show_only(tokens: Tokens) -> None:
    show_id = new_id("show")
    limited = tokens.verify(tokens.mint("viewer", "buyer-1", show_id)[0])
    free = tokens.verify(tokens.mint("viewer", "buyer-1")[0])
    assert limited.may_enter(show_id)
    assert not limited.may_enter(new_id("show"))
    assert free.may_enter(show_id)


BAD_TOKENS = {
    "empty": "",
    "no JWT": "no.token.here",
    "two parts only": "abc.def",
    "not ASCII": "été.été.été",
    "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(good_claims())}.",
    "alg none in another case": f"{part({'alg': 'NoNe'})}.{part(good_claims())}.",
    "no alg": f"{part({'typ': 'JWT'})}.{part(good_claims())}.abc",
    "HS512 with the right secret": signed(good_claims(), algorithm="HS512", secret=SECRET * 2),
    "another secret": signed(good_claims(), secret="another secret that is long enough"),
    "expired": signed(good_claims() | {"exp": int(time.time()) - 1}),
    "no exp": signed({"sub": "buyer-1", "role": "viewer"}),
    "exp is text": signed(good_claims() | {"exp": "tomorrow"}),
    "exp without an end": signed(good_claims() | {"exp": float("inf")}),
    "no sub": signed({"role": "viewer", "exp": int(time.time()) + 60}),
    "sub is empty": signed(good_claims() | {"sub": ""}),
    "sub with a blank": signed(good_claims() | {"sub": "buyer 1"}),
    "sub with a line break at its end": signed(good_claims() | {"sub": "buyer-1\n"}),
    "sub too long": signed(good_claims() | {"sub": "x" * (SUBJECT_MAX_CHARACTERS + 1)}),
    "no role": signed({"sub": "buyer-1", "exp": int(time.time()) + 60}),
    "unknown role": signed(good_claims() | {"role": "root"}),
    "role is a list": signed(good_claims() | {"role": ["host"]}),
    "show_id of another kind": signed(good_claims() | {"show_id": new_id("offer")}),
    "not yet": signed(good_claims() | {"nbf": int(time.time()) + 60}),
    "for somebody else": signed(good_claims() | {"aud": "another-service"}),
    "too long": signed(good_claims() | {"more": "x" * TOKEN_MAX_CHARACTERS}),
    "a header of brackets": base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=") + ".e30.e30",
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_whatever_is_wrong_gives_the_same_refusal_that_does_not_repeat_the_token(tokens: Tokens, token: str) -> None:
    with pytest.raises(UnauthorisedError) as refusal:
        tokens.verify(token)
    assert refusal.value.message == (
        "the token is not valid, has expired, or was made with another secret; ask for a new one"
    )
    assert refusal.value.details == {}


def test_a_token_whose_signature_was_changed_in_one_bit_is_refused(tokens: Tokens) -> None:
    head, claims, signature = tokens.mint("viewer", "buyer-1")[0].split(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[0] ^= 1
    forged = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    with pytest.raises(UnauthorisedError):
        tokens.verify(f"{head}.{claims}.{forged}")


@pytest.mark.parametrize(
    ("subject", "show_id", "ttl_s", "field"),
    [
        ("", None, 60, "subject"),
        ("two words", None, 60, "subject"),
        ("x" * (SUBJECT_MAX_CHARACTERS + 1), None, 60, "subject"),
        ("buyer-1", "offer_1", 60, "show_id"),
        ("buyer-1", None, 0, "ttl_s"),
        ("buyer-1", None, TTL_MAX_S + 1, "ttl_s"),
    ],
)
def test_what_cannot_be_verified_cannot_be_minted(
    tokens: Tokens, subject: str, show_id: str | None, ttl_s: int, field: str
) -> None:
    with pytest.raises(InvalidError) as refusal:
        tokens.mint("viewer", subject, show_id, ttl_s)
    assert refusal.value.details["field"] == field
