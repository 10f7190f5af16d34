"""What a channel wants to know of a product and our catalogue does not say: the merchant's own fields. Pure.

The setting ``product_template`` is a JSON object in the channel's own words: category, brand number, how it ships. It
is the ground of every product that is published there; what we know of the product is written over it.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from inventory.channels.settings import Setting
from kit.errors import InvalidError

TEMPLATE: Final = "product_template"
"""The setting's name."""

TEMPLATE_SETTING: Final = Setting(
    pattern=re.compile(r"\{.*\}"), form="a JSON object with the channel's own fields", default="{}"
)
"""For the table of a kind's settings."""


def read_template(text: str) -> dict[str, object]:
    """Return the fields.

    Raises:
        InvalidError: it is no JSON object.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidError(f"{TEMPLATE} has to be {TEMPLATE_SETTING.form}", field=TEMPLATE) from None


def laid_over(ground: Mapping[str, object], ours: Mapping[str, object]) -> dict[str, object]:
    """Return ``ground`` with ``ours`` written over it; objects inside objects are joined in the same way."""
    joined = dict(ground)
    for name, value in ours.items():
        below = joined.get(name)
        joined[name] = laid_over(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return joined
