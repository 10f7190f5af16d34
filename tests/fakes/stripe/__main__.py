"""The fake Stripe as a process of its own: ``python -m tests.fakes.stripe --webhook-url URL``, from the repository.

The key and the webhook's signing secret come from the environment, by the names that Showdrop reads them by. It prints
its address as one line when it listens, and ends with SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal

import click

from tests.fakes.stripe.counter import Counter
from tests.fakes.stripe.postman import Postman
from tests.fakes.stripe.server import FakeStripe


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.stripe", description="A Stripe on loopback.")
    parser.add_argument("--webhook-url", required=True, help="where the signed webhooks go")
    parser.add_argument("--per-s", type=int, default=25, help="calls a second to one endpoint; more are answered 429")
    parser.add_argument("--seed", type=int, default=0, help="of everything that goes wrong")
    parser.add_argument("--webhooks-twice", type=float, default=0.0, help="part of the webhooks that come twice")
    parser.add_argument("--webhooks-lost", type=float, default=0.0, help="part of the webhooks that never come")
    parser.add_argument("--answers-lost", type=float, default=0.0, help="part of the POSTs whose answer is lost")
    return parser.parse_args()


async def serve(given: argparse.Namespace) -> None:
    """Run until a signal."""
    fake = FakeStripe(api_key=os.environ["SHOWDROP_STRIPE_KEY"])
    fake.per_s = given.per_s
    fake.answer_loss = given.answers_lost
    fake.dice = random.Random(given.seed)
    postman = Postman(
        fake.account,
        given.webhook_url,
        os.environ["SHOWDROP_STRIPE_WEBHOOK_SECRETS"],
        seed=given.seed,
        twice=given.webhooks_twice,
        loss=given.webhooks_lost,
    )
    fake.more_routes = Counter(fake, postman).routes()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with fake:
        posting = asyncio.create_task(postman.run())
        click.echo(fake.url)
        ended = asyncio.create_task(stopped.wait())
        await asyncio.wait((posting, ended), return_when=asyncio.FIRST_COMPLETED)
        failed = posting.done()
        for task in (posting, ended):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await posting
        assert not failed, "the postman ended by itself"


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
