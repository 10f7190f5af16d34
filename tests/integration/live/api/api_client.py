"""A client of the API that holds every answer against the API document."""

import json
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import httpx
import msgspec
from jsonschema import Draft202012Validator

from live.api.endpoint import Endpoint
from live.api.openapi import openapi_document
from live.tokens import Role

SECRET = "a secret that is long enough for HS256"


class Bearer(Protocol):
    """Makes the Authorization header of a bearer."""

    def __call__(self, role: Role, subject: str = "me", show_id: str | None = None) -> dict[str, str]: ...


Serve = Callable[[list[Endpoint]], AbstractAsyncContextManager[httpx.AsyncClient]]


def code_of(response: httpx.Response) -> tuple[int, str]:
    """Return the status of a refusal, and its code."""
    return response.status_code, response.json()["error"]["code"]


class Document:
    """Holds answers against the API document: what is not declared there must not be sent."""

    def __init__(self, declared: list[Endpoint]) -> None:
        self._document: dict[str, Any] = json.loads(msgspec.json.encode(openapi_document(declared, version="test")))
        self.seen: set[tuple[str, str, str]] = set()

    async def check(self, response: httpx.Response) -> None:
        """Assert that the document has this answer: path, method, status and shape."""
        template = self._template(response.request.url.path)
        operation = self._document["paths"].get(template, {}).get(response.request.method.lower())
        if operation is None:
            return
        status = str(response.status_code)
        assert status in operation["responses"], f"{template} answered {status}, which is not declared"
        self.seen.add((response.request.method, template, status))
        answer = operation["responses"][status]
        if "$ref" in answer:
            answer = self._document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        media = response.headers["content-type"].partition(";")[0]
        assert media in answer["content"]
        await response.aread()
        if media == "application/json":
            schema = {**answer["content"][media]["schema"], "components": self._document["components"]}
            Draft202012Validator(schema).validate(response.json())

    def _template(self, path: str) -> str:
        if path in self._document["paths"]:
            return path
        for template in self._document["paths"]:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return str(template)
        return path
