"""Reading what a channel sent, and what that may raise. Pure."""

from typing import Final, TypeVar

import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.limits import SAID_CHARS

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""It is not of the form or no JSON at all, not UTF-8 (a ``ValueError``), or nested too deep."""

_Form = TypeVar("_Form")


def decoded(content: bytes | msgspec.Raw, form: type[_Form], whose: str, *, strict: bool = True) -> _Form:
    """Read an answer, or a part of one.

    Args:
        content: JSON.
        form: what it has to be.
        whose: what it is, at the beginning of a sentence: "Meta's list of orders".
        strict: whether a number or a boolean must not be written as a text.

    Raises:
        ChannelDownError: it is something else; the message names the field.
    """
    try:
        return msgspec.json.decode(content, type=form, strict=strict)
    except msgspec.ValidationError as error:
        # It names fields and forms; of what stands in them at most a word, where only certain words may.
        raise ChannelDownError(f"{whose} cannot be read: {str(error)[:SAID_CHARS]}") from error
    except UNREADABLE as error:
        raise ChannelDownError(f"{whose} cannot be read") from error
