"""The load tests for locust: ``locust -f loadtests/locustfile.py --host http://127.0.0.1:8000 --tier M``.

Users ``Viewer``, ``Buyer`` and ``Host`` speak the real protocol over WebSocket and HTTP. Every claim, event delay,
checkout and resume is a named request in locust's own statistics. What is played: ``--tier`` and ``--shape``, or
``SHOWDROP_TIER`` and ``SHOWDROP_SHAPE``. It runs from the web UI, with ``--headless``, and distributed.
"""

import logging
import re
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from locust import LoadTestShape, User, events, task
from locust.clients import HttpSession
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

from loadtests.addresses import check_gateway
from loadtests.api_http import Api
from loadtests.errors import LoadError
from loadtests.host import Host as HostPart
from loadtests.locust_stage import Stage
from loadtests.records import clear_records
from loadtests.scene_options import seconds
from loadtests.tiers import SHAPES, TIERS, Scene, scene
from loadtests.tokens import NoSecretError, find_secret, mint

SHOW = "showdrop.show"
"""What the master tells its workers: where the show is."""

OVER = "showdrop.over"
"""What the worker with the host tells the master: the show is over."""

UNABLE = "showdrop.unable"
"""What a worker that cannot play tells the master: why."""

EXIT_UNABLE = 2
"""The exit code when the show could not be made."""

SPARE_S = 90.0
"""Beyond a scene's own length: then everyone goes, whatever the host is doing."""

_stages: list[Stage] = []  # the newest one is on; a web UI may run several one after another
_over: list[str] = []  # shows that the host has ended
_unable: list[str] = []  # why the newest show could not be made, if so
_ID = re.compile(r"/(show|offer)_[0-9A-Z]+")


def options_of(environment: Environment) -> Namespace:
    """Return the options that locust has read."""
    options: Namespace | None = environment.parsed_options
    assert options is not None
    return options


def scene_of(environment: Environment) -> Scene:
    """Return what the options ask for.

    Raises:
        LoadError: the web UI's form, which sends texts, asks for a soak of no length; an empty one asks for nothing.
    """
    options = options_of(environment)
    try:
        soak_s = None if options.soak_s in {None, ""} else seconds(options.soak_s)
    except ValueError as error:
        raise LoadError(f"soak_s: {options.soak_s!r} is no number of seconds above 0") from error
    return scene(options.tier, options.shape, soak_s)


def _add_options(parser: ArgumentParser) -> None:
    say: Callable[..., Any] = parser.add_argument
    say("--tier", choices=list(TIERS), default="S", env_var="SHOWDROP_TIER", help="The size.")
    say("--shape", choices=list(SHAPES), default="show", env_var="SHOWDROP_SHAPE", help="What happens.")
    say("--soak-s", type=seconds, default=None, help="Seconds of the soak; the tier's own if nothing is said.")
    say("--ws-url", default=None, help="Address of the gateway; the one that the API names if nothing is said.")
    say("--records", default="load-results", help="Folder of the viewers' records, for the verifier.")


def _on_init(environment: Environment, **_: object) -> None:
    # One line for each call of the host would stand between locust's own.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(SHOW, lambda msg, **_: _join(environment, runner, msg.data))
    elif isinstance(runner, MasterRunner):
        runner.register_message(OVER, lambda msg, **_: _over.append(msg.data["show_id"]))
        runner.register_message(UNABLE, lambda msg, **_: _give_up(environment, f"a worker: {msg.data['why']}"))


def _join(environment: Environment, runner: WorkerRunner, show: dict[str, Any]) -> None:
    """Play the master's show; a worker that cannot ends, and so does the show, which would lack its share."""
    try:
        _open(environment, **show)
    except NoSecretError as error:
        _give_up(environment, str(error))
        runner.send_message(UNABLE, {"why": str(error)})
        runner.quit()


def _on_start(environment: Environment, **_: object) -> None:
    """Make the show: the master, or the only process, does it, and everyone hears of it before anyone comes."""
    runner, options = environment.runner, options_of(environment)
    if isinstance(runner, WorkerRunner):
        return
    clear_records(Path(options.records))
    try:
        show_id, ws_url = _prepare(environment)
    except (LoadError, NoSecretError) as error:
        _give_up(environment, str(error))
        return
    if isinstance(runner, MasterRunner):
        runner.send_message(SHOW, {"show_id": show_id, "ws_url": ws_url, "workers": max(1, len(runner.clients))})
    _open(environment, show_id, ws_url)


def _give_up(environment: Environment, why: str) -> None:
    """Say why there is nothing to play; the shape ends what has hardly begun."""
    print(f"load: {why}")  # noqa: T201 - the tool's own output
    _unable.append(why)
    _stages.clear()
    environment.process_exit_code = EXIT_UNABLE


def _prepare(environment: Environment) -> tuple[str, str]:
    if not environment.host:  # None, or what an empty field of the web UI says
        raise LoadError("no address of the API: say --host http://127.0.0.1:8000, or another one")
    api = Api(environment.host, find_secret(), "--host")
    try:
        ws_url = check_gateway(options_of(environment).ws_url or api.call("GET", "/v1/meta")["ws_url"])
        return HostPart(api.call, scene_of(environment), print).prepare(), ws_url
    finally:
        api.close()


def _stage() -> Stage:
    if not _stages:
        raise StopUser
    return _stages[-1]


def _open(environment: Environment, show_id: str, ws_url: str, workers: int = 1) -> None:
    request: Any = environment.events.request

    def tell(name: str, ms: float, why: str | None) -> None:
        failed = None if why is None else LoadError(why)
        request.fire(
            request_type="WS", name=name, response_time=max(ms, 0.0), response_length=0, exception=failed, context={}
        )

    _stages.append(
        Stage(
            scene_of(environment),
            show_id=show_id,
            ws_url=ws_url,
            secret=find_secret(),
            folder=Path(options_of(environment).records),
            tell=tell,
            worker=(max(0, getattr(environment.runner, "worker_index", 0)) % workers, workers),
        )
    )


def _on_stop(environment: Environment, **_: object) -> None:
    if not _stages:
        return
    stage, runner = _stages[-1], environment.runner
    stage.over = True
    stage.warned = runner is not None and (runner.cpu_warning_emitted or runner.worker_cpu_warning_emitted)
    stage.write()


def _listen(hook: Any, do: Callable[..., None]) -> None:  # noqa: ANN401 - locust's hooks have no type
    hook.add_listener(do)


_listen(events.init_command_line_parser, _add_options)
_listen(events.init, _on_init)
_listen(events.test_start, _on_start)
_listen(events.test_stop, _on_stop)


class Viewer(User):
    """Watches: everything that the show says, and a reaction now and then."""

    weight = 1

    @task
    def watch(self) -> None:
        """Come, and stay until the end."""
        _stage().new_seat(buys=False).live()


class Buyer(User):
    """Watches and taps: claims, waits in line, pays."""

    @task
    def buy(self) -> None:
        """Come, and stay until the end."""
        _stage().new_seat(buys=True).live()


class Host(User):
    """Plays the show over HTTP, once everyone is in.

    Attributes:
        client: made when it begins, and not with the user as ``HttpUser`` does it: locust makes its users also where
            there is no show, and no address to make a client of.
    """

    @task
    def perform(self) -> None:
        """Play it, and say that it is over."""
        stage = _stage()
        self.client = HttpSession(base_url=self.host, request_event=self.environment.events.request, user=self)
        self.client.trust_env = False
        self.client.headers["authorization"] = f"Bearer {mint(find_secret(), 'host', 'load')}"
        stage.host = HostPart(
            self._call,
            stage.scene,
            lambda line: print(f"show: {line}"),  # noqa: T201 - progress
            stage.now_ms,
        )
        try:
            stage.host.wait_full(stage.show_id)
            stage.host.perform(stage.show_id)
        except LoadError as error:  # the verifier will say that the show has no end
            print(f"host: {error}")  # noqa: T201 - the tool's own output
        finally:
            stage.over = True
            runner = self.environment.runner
            if isinstance(runner, WorkerRunner):
                runner.send_message(OVER, {"show_id": stage.show_id})
            else:
                _over.append(stage.show_id)
            self.stop()

    def _call(self, method: str, path: str, body: object | None) -> Any:  # noqa: ANN401 - as the API answers
        headers = {"idempotency-key": str(uuid.uuid4())} if method == "POST" else {}
        name = _ID.sub(r"/{\1}", path.partition("?")[0])
        response: requests.Response = self.client.request(method, path, json=body, headers=headers, name=name)
        if not response.ok:
            raise LoadError(f"{method} {path}: {response.text[:300]}")
        return response.json()


class Show(LoadTestShape):
    """Everyone comes within the tier's join time, and goes when the host has ended the show."""

    def reset_time(self) -> None:
        """Begin: what the last try said is no matter any more."""
        reset: Callable[[], None] = super().reset_time
        reset()
        _unable.clear()

    def tick(self) -> tuple[int, float] | None:
        """Return how many there should be, and how many more a second; None at the end."""
        assert self.runner is not None
        run_time_s: Callable[[], float] = self.get_run_time
        try:
            what = scene_of(self.runner.environment)
        except LoadError as error:
            _give_up(self.runner.environment, str(error))
            return None
        tier = what.tier
        Host.fixed_count, Buyer.fixed_count = 1, tier.buyers
        if _unable:
            return None
        if _stages and (_stages[-1].show_id in _over or run_time_s() > tier.join_s + what.length_s + SPARE_S):
            return None
        return tier.viewers + 1, max(1.0, tier.viewers / tier.join_s)
