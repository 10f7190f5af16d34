"""The options of a command that plays a scene; ``tiers.scene`` takes their values as they come."""

import math
from collections.abc import Callable
from typing import Final, TypeVar

import click

from loadtests.tiers import SHAPES, TIERS


def seconds(text: str | float) -> float:
    """Return a length of time: more than none, and not for ever.

    Raises:
        ValueError: it is something else.
    """
    length_s = float(text)
    if not 0 < length_s < math.inf:
        raise ValueError(f"{text} is no length of time")
    return length_s


class Seconds(click.FloatRange):
    """``seconds`` as the type of an option: click's own range would take ``nan`` and ``inf``."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the length; a usage error where there is none."""
        try:
            return seconds(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of seconds above 0", param, ctx)


_Command = TypeVar("_Command", bound=Callable[..., object])

shape_option: Final = click.option(
    "--shape", type=click.Choice(list(SHAPES)), default="show", show_default=True, envvar="SHOWDROP_SHAPE"
)
soak_option: Final = click.option(
    "--soak-s", type=Seconds(), default=None, help="Seconds of the soak.  [default: the tier's]"
)


def tier_option(default: str) -> Callable[[_Command], _Command]:
    """Return ``--tier``, which is this one if nothing is said."""
    return click.option(
        "--tier", type=click.Choice(list(TIERS)), default=default, show_default=True, envvar="SHOWDROP_TIER"
    )
