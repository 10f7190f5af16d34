"""The options of a command that plays a scene; ``tiers.scene`` takes their values as they come."""

from collections.abc import Callable
from typing import Final, TypeVar

import click

from loadtests.tiers import SHAPES, TIERS

_Command = TypeVar("_Command", bound=Callable[..., object])

shape_option: Final = click.option(
    "--shape", type=click.Choice(list(SHAPES)), default="show", show_default=True, envvar="SHOWDROP_SHAPE"
)
soak_option: Final = click.option(
    "--soak-s", type=float, default=None, help="Seconds of the soak.  [default: the tier's]"
)


def tier_option(default: str) -> Callable[[_Command], _Command]:
    """Return ``--tier``, which is this one if nothing is said."""
    return click.option(
        "--tier", type=click.Choice(list(TIERS)), default=default, show_default=True, envvar="SHOWDROP_TIER"
    )
