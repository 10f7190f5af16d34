"""What an endpoint is, without a web framework: declared once, it drives both the server and ``/openapi.json``."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Generic, Literal, TypeVar, cast

import msgspec

from kit.errors import ForbiddenError
from live.api.limits import JSON_BODY_MAX_BYTES
from live.tokens import Identity, Role

STAFF: frozenset[Role] = frozenset({"host", "admin"})
VIEWER: frozenset[Role] = frozenset({"viewer"})
ANYONE_SIGNED_IN: frozenset[Role] = STAFF | VIEWER

Method = Literal["GET", "POST", "DELETE"]
BodyKind = Literal["none", "json", "raw", "file"]
Scope = Literal["shop", "show", "handler"]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every request body and query: a field that is not declared is refused and named."""


class Empty(Request, frozen=True):
    """A body or query without fields."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a request that are the same for every endpoint.

    Attributes:
        identity: the bearer; None on a public endpoint that was called without a token.
        path: the values of the path's placeholders.
        query: the parameters as they came, for endpoints whose callers name them.
        headers: by lower-case name.
        seed: a ULID for what the call creates; a repeat with the same Idempotency-Key gets the same one.
        raw: the body of a ``raw`` endpoint, byte for byte.
        file: the body of a ``file`` endpoint, at its start.
    """

    identity: Identity | None
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    seed: str
    raw: bytes = b""
    file: BinaryIO | None = None


BodyT = TypeVar("BodyT", bound=Request)
QueryT = TypeVar("QueryT", bound=Request)


@dataclass(frozen=True, kw_only=True)
class Call(Generic[BodyT, QueryT]):
    """One request, checked and typed, as a handler gets it."""

    asked: Asked
    body: BodyT
    query: QueryT

    @property
    def id(self) -> str:
        """The path's ``{id}``."""
        return self.asked.path["id"]

    @property
    def identity(self) -> Identity:
        """The bearer; only for endpoints that have roles."""
        if self.asked.identity is None:
            raise RuntimeError("this endpoint is public; it has no bearer")
        return self.asked.identity

    def new_id(self, prefix: str) -> str:
        """Return the id for the one thing that this call creates; a repeat gets the same."""
        return f"{prefix}_{self.asked.seed}"

    def require_show(self, show_id: str) -> None:
        """Refuse a bearer whose token is good for another show only.

        Raises:
            ForbiddenError: it is.
        """
        require_show(self.identity, show_id)


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """An answer that is not JSON."""

    content: bytes
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """An answer of unknown length that is not JSON.

    The content is closed when the answer is out or the client has gone. The first chunk is made before the status is
    sent, so that an error before it is still a proper error answer.
    """

    content: AsyncGenerator[bytes, None]
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = msgspec.Struct | Bytes | Chunks
Handler = Callable[[Call[Any, Any]], Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One call of the API.

    Attributes:
        noun: the group it is listed under.
        name: the operation id, unique.
        path: with ``{id}`` placeholders.
        roles: who may call; None: everyone, also without a token.
        scope: what a token that names one show may do here. ``show``: the path's ``{id}`` must be that show.
            ``shop``: nothing, the call concerns the whole shop. ``handler``: the handler decides.
        body_kind: how the body arrives; ``body`` is the type of a ``json`` one.
        body_limit: bytes.
        answer: the type of the JSON answer; None when it is of ``answer_media`` only.
        answer_media: further media types of the answer.
        remember: whether an Idempotency-Key is remembered; off where the sender is not known or has its own key.
        refusals: statuses it may answer besides those that follow from the declaration.
    """

    noun: str
    name: str
    method: Method
    path: str
    summary: str
    roles: frozenset[Role] | None
    scope: Scope
    body_kind: BodyKind
    body: type[Request]
    body_limit: int
    query: type[Request]
    answer: type[msgspec.Struct] | None
    answer_media: tuple[str, ...]
    status: int
    remember: bool
    refusals: tuple[int, ...]
    handle: Handler


def endpoint(
    noun: str,
    name: str,
    method: Method,
    path: str,
    summary: str,
    *,
    roles: frozenset[Role] | None,
    handle: Callable[[Call[BodyT, QueryT]], Awaitable[Answer]],
    body: type[BodyT],
    query: type[QueryT],
    answer: type[msgspec.Struct] | None,
    answer_media: tuple[str, ...] = (),
    scope: Scope = "shop",
    body_kind: BodyKind | None = None,
    body_limit: int | None = None,
    status: int = 200,
    remember: bool = True,
    refusals: tuple[int, ...] = (),
) -> Endpoint:
    """Declare an endpoint; the types of body and query are those that the handler takes.

    A JSON body has ``JSON_BODY_MAX_BYTES`` if nothing is said; any other kind of body has to say its limit.
    """
    kind = body_kind or ("json" if method == "POST" else "none")
    if body_limit is None:
        body_limit = JSON_BODY_MAX_BYTES if kind == "json" else 0
    return Endpoint(
        noun=noun,
        name=name,
        method=method,
        path=path,
        summary=summary,
        roles=roles,
        scope=scope,
        body_kind=kind,
        body=body,
        body_limit=body_limit,
        query=query,
        answer=answer,
        answer_media=answer_media,
        status=status,
        remember=remember and method == "POST" and roles is not None,
        refusals=refusals,
        # Body and query are decoded as exactly these types before the handler is called.
        handle=cast(Handler, handle),
    )


def require_show(identity: Identity, show_id: str) -> None:
    """Refuse a bearer whose token is good for another show only.

    Raises:
        ForbiddenError: it is.
    """
    if not identity.may_enter(show_id):
        raise ForbiddenError("this token is good for another show only")


def authorise(declared: Endpoint, identity: Identity, path: Mapping[str, str]) -> None:
    """Check a bearer's role and show against an endpoint that has roles.

    Raises:
        ForbiddenError: the role or the token's show does not fit.
    """
    if declared.roles is not None and identity.role not in declared.roles:
        raise ForbiddenError(
            f"a {identity.role} token may not do this; it takes {' or '.join(sorted(declared.roles))}",
            details={"roles": sorted(declared.roles)},
        )
    if declared.scope == "show":
        require_show(identity, path["id"])
    elif declared.scope == "shop" and identity.show_id is not None:
        raise ForbiddenError("this token is good for one show only; this call concerns the whole shop")
