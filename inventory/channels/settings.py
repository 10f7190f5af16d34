"""Checking the settings that a channel is set up with: one table per kind says what they are. Pure."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from inventory.channels.channel import Prepared
from kit.errors import InvalidError


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    Attributes:
        pattern: what the whole text has to look like.
        form: the same in words: "the setting has to be …".
        secret: whether it is sealed.
        default: what a channel has that was set up without it, and always a good value; None: it has to be given.
    """

    pattern: re.Pattern[str]
    form: str
    secret: bool = False
    default: str | None = None


NUMBER: Final = re.compile(r"[1-9][0-9]{0,19}")
"""A number that a channel gave something; 20 digits are 64 bits."""

PAIR: Final = re.compile(rf"{NUMBER.pattern}/{NUMBER.pattern}")
"""Two of them: a product's and one of its SKUs'."""


def secret(least: int, most: int, *, default: str | None = None) -> Setting:
    """Return the setting of a key or a token, of ``least`` to ``most`` printable ASCII characters without blanks."""
    count = f"{least} to {most}" if least else f"up to {most}"
    return Setting(
        pattern=re.compile(rf"[!-~]{{{least},{most}}}"),
        form=f"{count} letters, digits and signs without blanks",
        secret=True,
        default=default,
    )


def checked(given: Mapping[str, str], forms: Mapping[str, Setting], *, whose: str) -> Prepared:
    """Return settings and secrets of a new channel, with what was left out filled in.

    Args:
        given: by name.
        forms: every setting that there is.
        whose: the channel in a sentence: "a KakaoTalk Store".

    Raises:
        InvalidError: a setting is not known, missing or of another form; ``details["field"]`` names it.
    """
    unknown = sorted(set(given) - set(forms))
    if unknown:
        raise InvalidError(f"{whose} has no setting {unknown[0]!r}", field=unknown[0])
    settings: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for name, setting in forms.items():
        text = given.get(name)
        if text is None:
            text = setting.default
        elif text != setting.default and setting.pattern.fullmatch(text) is None:
            raise InvalidError(f"{name} has to be {setting.form}", field=name)
        if text is None:
            raise InvalidError(f"{name} is missing: it has to be {setting.form}", field=name)
        (secrets if setting.secret else settings)[name] = text
    return Prepared(settings=settings, secrets=secrets)
