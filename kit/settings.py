"""What can be set from outside, read once, in one place.

Every setting is an environment variable; a flag of the command line overrides the common ones. A wrong value is a
``SettingError``: one line that names the variable and the remedy.
"""

import difflib
import os
import secrets
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

import msgspec

from kit.errors import SettingError
from kit.log import LogFormat
from kit.money import CURRENCIES
from kit.slots import CLUSTER_SCHEMES

SECRET_MIN_CHARACTERS = 32
COUNT_MOST = 1_000_000
"""Largest number of a setting that counts (connections, joins or messages a second): past what one process could ever
serve, so a bigger one is a slip of the finger."""

_ALIKE = 0.8
"""How alike two names have to be, from 0 to 1, for one to be taken for a misspelt other: two letters swapped are."""

SECRET_FILE = "secret"  # noqa: S105 - the name of the file, not what is in it


Network = IPv4Network | IPv6Network


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one process."""

    host: str = "127.0.0.1"
    http_port: int = 8000
    ws_port: int = 8001
    data_dir: Path = Path(".showdrop")
    secret: str | None = None  # None: the one in the data directory, made at the first start
    redis_url: str | None = None  # None: an embedded server
    database_url: str | None = None  # None: an embedded server
    origins: tuple[str, ...] = ()  # browser origins besides our own pages
    log: LogFormat = "text"
    currency: str = "EUR"
    worker_port: int | None = None  # of a worker on its own; None: it listens on nothing
    api_url: str | None = None  # how the worker reaches the API; None: host and HTTP port above
    test_bank: bool = True  # whether the built-in payment provider takes payments
    ws_url: str | None = None  # how browsers reach the gateway; None: host and WebSocket port above
    deflate: bool = False  # whether viewers may negotiate compressed frames
    proxies: tuple[Network, ...] = ()  # whose X-Forwarded-For is believed
    max_viewers: int = 20_000  # connections of one gateway process
    joins_per_s: int = 2_000  # new viewers that one gateway process lets in a second
    address_messages_per_s: int = 5_000  # from one address to one gateway process
    address_viewers: int = 15_000  # of one address at one gateway process; 0: no limit
    address_requests_per_s: int = 1_000  # from one address to one API process; 0: no limit
    token_requests_per_s: int = 500  # of one token's bearer to one API process; 0: no limit


class Variable(msgspec.Struct, frozen=True):
    """One environment variable: its name, default and meaning, for ``--help`` and the documentation."""

    name: str
    default: str
    meaning: str


VARIABLES: tuple[Variable, ...] = (
    Variable("SHOWDROP_HOST", "127.0.0.1", "address to listen on"),
    Variable("SHOWDROP_HTTP_PORT", "8000", "port of the HTTP API and the pages, 1 to 65535"),
    Variable("SHOWDROP_WS_PORT", "8001", "port of the viewers' WebSocket, 1 to 65535"),
    Variable(
        "SHOWDROP_WORKER_PORT",
        "none",
        "port where a worker on its own answers /healthz, /readyz and /metrics, 1 to 65535",
    ),
    Variable("SHOWDROP_DATA_DIR", ".showdrop", "data of the embedded servers, and the secret"),
    Variable("SHOWDROP_SECRET", "made at first start", f"signs tokens; at least {SECRET_MIN_CHARACTERS} characters"),
    Variable(
        "REDIS_URL",
        "embedded",
        "redis://, rediss:// or unix://; for a cluster redis+cluster://host:port,host:port or rediss+cluster://",
    ),
    Variable("DATABASE_URL", "embedded", "postgresql://"),
    Variable("SHOWDROP_ORIGINS", "our own pages", "further browser origins that may connect, separated by commas"),
    Variable("SHOWDROP_LOG", "text", "text or json"),
    Variable("SHOWDROP_CURRENCY", "EUR", "currency of catalogue files that name none"),
    Variable(
        "SHOWDROP_TEST_BANK",
        "on",
        "on or off: whether anyone can buy with the built-in test payments; always on in dev",
    ),
    Variable(
        "SHOWDROP_API_URL", "from host and port", "where the worker reaches the API, with what the test bank says later"
    ),
    Variable("SHOWDROP_WS_URL", "from host and port", "where browsers reach the gateway: ws:// or wss://"),
    Variable("SHOWDROP_DEFLATE", "off", "on or off: whether viewers may negotiate compressed frames"),
    Variable(
        "SHOWDROP_PROXIES",
        "none",
        "networks of proxies in front of both ports, whose X-Forwarded-For is believed, separated by commas",
    ),
    Variable(
        "SHOWDROP_MAX_VIEWERS", "20000", f"connections of one gateway process, 1 to {COUNT_MOST}; more are answered 503"
    ),
    Variable(
        "SHOWDROP_JOINS_PER_S",
        "2000",
        f"new viewers a second of one gateway process, 1 to {COUNT_MOST}; more are answered 503",
    ),
    Variable(
        "SHOWDROP_ADDRESS_MESSAGES_PER_S",
        "5000",
        f"messages a second from one address to one gateway process, 1 to {COUNT_MOST}",
    ),
    Variable(
        "SHOWDROP_ADDRESS_VIEWERS",
        "15000",
        f"viewers of one address at one gateway process, 1 to {COUNT_MOST}, or 0 for no limit; more are answered 503",
    ),
    Variable(
        "SHOWDROP_ADDRESS_REQUESTS_PER_S",
        "1000",
        f"requests a second from one address to one API process, 1 to {COUNT_MOST}, or 0 for no limit; "
        "more are answered 429",
    ),
    Variable(
        "SHOWDROP_TOKEN_REQUESTS_PER_S",
        "500",
        f"requests a second with the tokens of one subject to one API process, 1 to {COUNT_MOST}, or 0 for no limit; "
        "more are answered 429",
    ),
)


def read_settings(environ: Mapping[str, str] | None = None, *, flags: Mapping[str, object] | None = None) -> Settings:
    """Read the settings from ``environ`` (the process's own by default).

    Args:
        environ: variables by name; empty values count as not set.
        flags: values from the command line by field name; None means not given.

    Raises:
        SettingError: a value is wrong; the message names its variable and the remedy.
    """
    env = {name: value for name, value in (os.environ if environ is None else environ).items() if value.strip()}
    settings = Settings(
        host=env.get("SHOWDROP_HOST", Settings().host),
        http_port=_port(env, "SHOWDROP_HTTP_PORT", Settings().http_port),
        ws_port=_port(env, "SHOWDROP_WS_PORT", Settings().ws_port),
        worker_port=_port(env, "SHOWDROP_WORKER_PORT", 0) or None,
        data_dir=Path(env.get("SHOWDROP_DATA_DIR", str(Settings().data_dir))),
        secret=_secret(env),
        redis_url=_url(env, "REDIS_URL", ("redis", "rediss", "unix", *CLUSTER_SCHEMES)),
        database_url=_url(env, "DATABASE_URL", ("postgresql", "postgres")),
        origins=_origins(env),
        log=_log_format(env),
        currency=_currency(env),
        api_url=_url(env, "SHOWDROP_API_URL", ("http", "https")),
        ws_url=_url(env, "SHOWDROP_WS_URL", ("ws", "wss")),
        test_bank=_switch(env, "SHOWDROP_TEST_BANK", default=Settings().test_bank),
        deflate=_switch(env, "SHOWDROP_DEFLATE", default=Settings().deflate),
        proxies=_proxies(env),
        max_viewers=_count(env, "SHOWDROP_MAX_VIEWERS", Settings().max_viewers),
        joins_per_s=_count(env, "SHOWDROP_JOINS_PER_S", Settings().joins_per_s),
        address_messages_per_s=_count(env, "SHOWDROP_ADDRESS_MESSAGES_PER_S", Settings().address_messages_per_s),
        address_viewers=_count(env, "SHOWDROP_ADDRESS_VIEWERS", Settings().address_viewers, least=0),
        address_requests_per_s=_count(
            env, "SHOWDROP_ADDRESS_REQUESTS_PER_S", Settings().address_requests_per_s, least=0
        ),
        token_requests_per_s=_count(env, "SHOWDROP_TOKEN_REQUESTS_PER_S", Settings().token_requests_per_s, least=0),
    )
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    settings = msgspec.structs.replace(settings, **given)
    if settings.http_port == settings.ws_port:
        raise SettingError(
            f"SHOWDROP_HTTP_PORT and SHOWDROP_WS_PORT are both {settings.http_port}; give each its own port"
        )
    return settings


def unknown_variables(environ: Mapping[str, str], known: Iterable[str]) -> dict[str, str | None]:
    """Return the variables that look like ours and are none, each with the name that may have been meant."""
    names = sorted(known)
    unknown = sorted(name for name in environ if name.startswith("SHOWDROP_") and name not in names)
    return {name: next(iter(difflib.get_close_matches(name, names, n=1, cutoff=_ALIKE)), None) for name in unknown}


def ensure_secret(settings: Settings) -> str:
    """Return the secret that all roles of this data directory share; make it at the first start, mode 0600.

    Raises:
        SettingError: the file cannot be written or read, or what it holds is too short.
    """
    if settings.secret is not None:
        return settings.secret
    path = settings.data_dir / SECRET_FILE
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{SECRET_FILE}.{os.getpid()}")
        if not path.exists():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                # A link fails when another process was first: then its secret is the one.
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_text(errors="replace").strip()
    except OSError as error:
        raise SettingError(
            f"SHOWDROP_DATA_DIR: cannot keep the secret in {path} ({error.strerror}); fix it or set SHOWDROP_SECRET"
        ) from error
    if len(secret) < SECRET_MIN_CHARACTERS:
        raise SettingError(
            f"the secret in {path} has {len(secret)} characters; put at least {SECRET_MIN_CHARACTERS} random ones "
            "there, or remove the file to have a new one made"
        )
    return secret


def _quoted(part: str, whole: str = "") -> str:
    """Return a wrong value as a message repeats it: not when it may be an address with a password, or a piece of one.

    Args:
        part: what is wrong.
        whole: the value that it was cut from, if it was: a comma may be a letter of a password.
    """
    return "'…@…'" if "@" in part + whole else repr(part)


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if text is None:
        return default
    try:
        port = int(text)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise SettingError(f"{name}={_quoted(text)} is not a port; use a number from 1 to 65535")
    return port


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    text = env.get(name)
    if text is None:
        return None
    # The value may hold a password: it is not repeated, and neither is what the parser says of it.
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        raise SettingError(f"{name} is malformed; write it like {schemes[0]}://host:port") from None
    if scheme not in schemes:
        raise SettingError(f"{name} must start with {' or '.join(f'{one}://' for one in schemes)}")
    return text


def _secret(env: Mapping[str, str]) -> str | None:
    secret = env.get("SHOWDROP_SECRET")
    if secret is None:
        return None
    try:
        secret.encode()
    except UnicodeEncodeError:
        # Python keeps such bytes as characters that no key can be made of.
        raise SettingError(
            f"SHOWDROP_SECRET is not UTF-8; use at least {SECRET_MIN_CHARACTERS} random letters and digits"
        ) from None
    if len(secret) < SECRET_MIN_CHARACTERS:
        raise SettingError(
            f"SHOWDROP_SECRET has {len(secret)} characters; use at least {SECRET_MIN_CHARACTERS} random ones"
        )
    return secret


def _origins(env: Mapping[str, str]) -> tuple[str, ...]:
    text = env.get("SHOWDROP_ORIGINS", "")
    origins = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    for origin in origins:
        try:
            parts = urlsplit(origin)
            is_origin = parts.scheme in ("http", "https") and origin == f"{parts.scheme}://{parts.netloc}" != "://"
            is_origin = is_origin and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            is_origin = False
        if not is_origin:
            raise SettingError(
                f"SHOWDROP_ORIGINS: {_quoted(origin, text)} is not an origin; write it like https://shop.example"
            )
    return origins


def _log_format(env: Mapping[str, str]) -> LogFormat:
    text = env.get("SHOWDROP_LOG", "text")
    if text not in ("text", "json"):
        raise SettingError(f"SHOWDROP_LOG={_quoted(text)} is not known; use text or json")
    return cast(Literal["text", "json"], text)


def _switch(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name)
    if text is None:
        return default
    if text not in ("on", "off"):
        raise SettingError(f"{name}={_quoted(text)} is not known; use on or off")
    return text == "on"


def _count(env: Mapping[str, str], name: str, default: int, *, least: int = 1) -> int:
    text = env.get(name)
    if text is None:
        return default
    # Nine digits at most: Python refuses to read some thousand of them.
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= COUNT_MOST):
        raise SettingError(f"{name}={_quoted(text)} is not a number from {least} to {COUNT_MOST}")
    return int(text)


def _proxies(env: Mapping[str, str]) -> tuple[Network, ...]:
    networks = []
    text = env.get("SHOWDROP_PROXIES", "")
    for part in text.split(","):
        if not part.strip():
            continue
        try:
            networks.append(ip_network(part.strip()))
        except ValueError:
            raise SettingError(
                f"SHOWDROP_PROXIES: {_quoted(part.strip(), text)} is not a network; "
                "write it like 10.0.0.0/8 or 192.0.2.7"
            ) from None
    return tuple(networks)


def _currency(env: Mapping[str, str]) -> str:
    code = env.get("SHOWDROP_CURRENCY", Settings().currency)
    if code not in CURRENCIES:
        raise SettingError(f"SHOWDROP_CURRENCY={_quoted(code)} is not an ISO 4217 code; use three letters such as EUR")
    return code
