import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.vault import SealedError, Vault

SECRET = "a deployment's secret of more than 32 characters"


@given(plain=st.binary(max_size=200), owner=st.text(max_size=20))
def test_what_was_sealed_opens_for_its_owner(plain: bytes, owner: str) -> None:
    vault = Vault(SECRET, "channels")
    assert Vault(SECRET, "channels").open(vault.seal(plain, owner=owner), owner=owner) == plain


def test_the_sealed_bytes_hold_nothing_of_the_secret_and_differ_each_time() -> None:
    vault = Vault(SECRET, "channels")
    first, second = (vault.seal(b"access-token-1234", owner="chan_1") for _ in range(2))
    assert b"access" not in first
    assert first != second


@pytest.mark.parametrize(
    ("vault", "owner"),
    [
        pytest.param(Vault(SECRET, "channels"), "chan_2", id="another owner"),
        pytest.param(Vault(SECRET + "!", "channels"), "chan_1", id="another secret"),
        pytest.param(Vault(SECRET, "payments"), "chan_1", id="another label"),
    ],
)
def test_it_opens_for_nobody_else(vault: Vault, owner: str) -> None:
    sealed = Vault(SECRET, "channels").seal(b"token", owner="chan_1")
    with pytest.raises(SealedError, match="another secret"):
        vault.open(sealed, owner=owner)


@given(place=st.integers(0, 32), bit=st.integers(0, 7))
def test_every_changed_bit_is_noticed(place: int, bit: int) -> None:
    vault = Vault(SECRET, "channels")
    sealed = bytearray(vault.seal(b"toke", owner="chan_1"))
    assert len(sealed) == 33
    sealed[place] ^= 1 << bit
    with pytest.raises(SealedError):
        vault.open(bytes(sealed), owner="chan_1")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"x" * 11, b"\x01" + b"x" * 12, b"whsec_plain"])
def test_what_is_too_short_or_plain_is_told_by_name(sealed: bytes) -> None:
    with pytest.raises(SealedError):
        Vault(SECRET, "channels").open(sealed, owner="chan_1")


def test_its_repr_says_nothing() -> None:
    assert repr(Vault(SECRET, "channels")) == "Vault()"
