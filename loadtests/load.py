"""The load test: ``python -m loadtests.load --tier S|M|L``.

It starts a server of its own, imports a small catalogue over HTTP, lets ``showdrop rehearse`` play a show of the
tier's size, and stops the server. Exit code: 0 when every invariant is held, 1 when not, 2 when it cannot run here.
"""

import resource
import sys
import tempfile
from pathlib import Path

import click

from loadtests.limits import OTHER_FILES, PRODUCTS, REHEARSAL_TIMEOUT_S, TIERS
from loadtests.server_http import LoadError, Server

EXIT_CANNOT = 2


@click.command()
@click.option("--tier", type=click.Choice(list(TIERS)), default="S", show_default=True, help="The size.")
def main(tier: str) -> None:
    """Play a show of a tier's size against a fresh server and print the verdict."""
    viewers, units = TIERS[tier]
    try:
        allow_files(viewers + OTHER_FILES)
        with tempfile.TemporaryDirectory(prefix="showdrop-load-") as folder, Server(Path(folder)) as server:
            click.echo(f"load: tier {tier}, {viewers} viewers, {units} units, {server.url}")
            server.import_catalogue(catalogue(PRODUCTS))
            code = server.rehearse(viewers, units, REHEARSAL_TIMEOUT_S)
            if code not in (0, 1):
                click.echo(
                    f"load: the rehearsal ended with {code}; the server's last words: {server.last_line()}", err=True
                )
    except LoadError as error:
        click.echo(f"load: {error}", err=True)
        sys.exit(EXIT_CANNOT)
    sys.exit(0 if code == 0 else 1)


def catalogue(products: int) -> str:
    """Return a catalogue file with this many products of one variant each."""
    lines = ["id,title,description,availability,condition,price,link,image_link,brand,quantity_to_sell_on_facebook"]
    for number in range(1, products + 1):
        link = f"https://shop.example.com/{number}"
        price = f"{10 + number}.00 EUR"
        lines.append(f"LOAD-{number:03},Load product {number},For a test.,in stock,new,{price},{link},,Load,50")
    return "\n".join(lines) + "\n"


def allow_files(needed: int) -> None:
    """Let this process and its children open so many files.

    Raises:
        LoadError: the hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LoadError(f"{needed} open files are needed and the hard limit is {hard}; as root: ulimit -Hn {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


if __name__ == "__main__":
    main()
