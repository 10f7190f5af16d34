"""Reading request bodies, within a size and a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import msgspec
from starlette.requests import Request as HttpRequest

from kit.errors import InvalidError, RequestError, TooLargeError
from live.api.answers import MalformedError, invalid_of
from live.api.endpoint import BodyT, QueryT
from live.api.limits import BODY_TIMEOUT_S, FILE_IN_MEMORY_BYTES


class SlowBodyError(RequestError):
    """The body did not arrive in time."""

    status = 408
    default_code = "body_timeout"
    temporary = True


async def read_body(request: HttpRequest, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLargeError: it is longer than ``limit`` bytes.
        SlowBodyError: it takes too long.
    """
    return b"".join([chunk async for chunk in _limited(request, limit)])


async def spool_body(request: HttpRequest, limit: int) -> tuple[BinaryIO, bytes]:
    """Write the body to a temporary file.

    Returns:
        The file, at its start, to be closed by the caller, and the SHA-256 digest of its content.

    Raises:
        TooLargeError: it is longer than ``limit`` bytes.
        SlowBodyError: it takes too long.
    """
    file = cast(BinaryIO, SpooledTemporaryFile(max_size=FILE_IN_MEMORY_BYTES))  # noqa: SIM115 - the caller closes it
    digest = hashlib.sha256()
    try:
        written = 0
        async for chunk in _limited(request, limit):
            digest.update(chunk)
            written += len(chunk)
            if written <= FILE_IN_MEMORY_BYTES:
                file.write(chunk)
            else:
                # From here on it is a file on disk, which may make us wait.
                await asyncio.to_thread(file.write, chunk)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, digest.digest()


def decode_json(raw: bytes, as_type: type[BodyT]) -> BodyT:
    """Return a JSON body as its type; an empty body counts as ``{}``.

    Raises:
        MalformedError: it is not JSON.
        InvalidError: a field is missing, unknown, of the wrong type or out of range; it is named.
    """
    try:
        return msgspec.json.decode(raw or b"{}", type=as_type)
    except msgspec.ValidationError as error:
        raise invalid_of(error, as_type) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("the body is not valid JSON; send one JSON object in UTF-8") from error


def decode_query(request: HttpRequest, as_type: type[QueryT]) -> QueryT:
    """Return the query as its type; a parameter without a value counts as not given.

    Raises:
        InvalidError: a parameter is unknown, given twice, of the wrong type or out of range; it is named.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise InvalidError(f"{name[:100]} is given twice", field=name[:100])
        given[name] = value
    try:
        known = {name: value for name, value in given.items() if value or name not in as_type.__struct_fields__}
        return msgspec.convert(known, as_type, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_of(error, as_type) from error


async def _limited(request: HttpRequest, limit: int) -> AsyncIterator[bytes]:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    size = 0
    chunks = request.stream()
    deadline = asyncio.get_running_loop().time() + BODY_TIMEOUT_S
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise SlowBodyError(f"the body did not arrive within {BODY_TIMEOUT_S} seconds") from error
        if chunk is None:
            return
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        yield chunk


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body is longer than {limit} bytes", details={"limit_bytes": limit})
