"""Tokens in callback URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.payments.mpesa_tokens import TOKEN_MOST_CHARS, Token, TokenSigner
from kit.errors import UnauthorisedError
from kit.ids import new_id

SIGNER = TokenSigner("a secret of at least thirty-two characters")
TOKEN = Token(purpose="reverse", order_id=new_id("order"), reference="A" * 22)


def test_a_token_says_what_was_put_in_and_fits_its_limit() -> None:
    for token in (TOKEN, Token(purpose="pay", order_id=new_id("order"))):
        text = SIGNER.make(token)
        assert SIGNER.read(text) == token
        assert len(text) <= TOKEN_MOST_CHARS


def test_no_character_can_be_changed() -> None:
    text = SIGNER.make(TOKEN)
    # The last one carries two bits of the signature and four of padding, which compare as text all the same.
    for place in range(len(text)):
        for other in "A.Zé":
            if text[place] != other:
                with pytest.raises(UnauthorisedError):
                    SIGNER.read(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize(
    "changed",
    [
        Token(purpose="pay", order_id=TOKEN.order_id, reference=TOKEN.reference),
        Token(purpose="reverse", order_id=new_id("order"), reference=TOKEN.reference),
        Token(purpose="reverse", order_id=TOKEN.order_id),
    ],
)
def test_a_signature_opens_nothing_else(changed: Token) -> None:
    signature = SIGNER.make(TOKEN).rpartition(".")[2]
    claim = SIGNER.make(changed).rpartition(".")[0]
    with pytest.raises(UnauthorisedError):
        SIGNER.read(f"{claim}.{signature}")


def test_another_deployments_token_is_not_ours() -> None:
    with pytest.raises(UnauthorisedError):
        TokenSigner("another secret of at least thirty-two").read(SIGNER.make(TOKEN))


@given(st.text(max_size=300))
def test_whatever_comes_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(UnauthorisedError):
        SIGNER.read(text)
