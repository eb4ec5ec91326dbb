"""The door of the service: token and size are checked before a byte of a body is parsed. Routes are in app.py."""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from talkie.errors import TooLarge, Unauthorized
from talkie.serving.config import token_digest
from talkie.serving.faults import Refusal, error_response, request_id_of

OPEN_PATHS = frozenset({"/healthz"})
"""The only path that answers without a token."""

BROWSER_PATHS = frozenset({"/docs", "/openapi.json"})
"""Pages to read: here a browser may send the token as the password of basic authentication. Not elsewhere: browsers
attach remembered passwords to requests that other sites cause."""

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)


class Gate:
    """ASGI middleware around the whole application.

    FastAPI parses a body before its dependencies run, so a check written as a dependency would let strangers fill the
    disk; this one runs first. `digest`: SHA-256 of the token, or None where authentication is off.
    """

    def __init__(self, app: ASGIApp, *, digest: bytes | None, max_upload_bytes: int):
        self._app = app
        self._digest = digest
        self._limit = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # The lifespan passes; websockets are no part of this service.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SECURITY_HEADERS]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            response = error_response(refusal, request_id_of(scope))
            if isinstance(refusal, Unauthorized) and scope["path"] in BROWSER_PATHS:
                response.headers.append("WWW-Authenticate", 'Basic realm="talkie: the token is the password"')
            await response(scope, receive, send_guarded)
            return
        await self._app(scope, self._counted(receive), send_guarded)

    def _refusal(self, scope: Scope) -> Unauthorized | TooLarge | None:
        headers = Headers(scope=scope)
        if self._digest is not None and scope["path"] not in OPEN_PATHS:
            token = _bearer(headers) or (_password(headers) if scope["path"] in BROWSER_PATHS else None)
            if token is None:
                return Unauthorized("no token", cure="send the header Authorization: Bearer <token>")
            # Digests have one length, so that the comparison tells nothing about the token, not even its length.
            if not hmac.compare_digest(token_digest(token), self._digest):
                return Unauthorized("wrong token", cure="use the token that talkie serve printed")
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            return self._too_large()
        return None

    def _counted(self, receive: Receive) -> Receive:
        """`receive` with a running cap: a chunked body declares no length, and a declared one may lie."""
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._limit:
                raise Refusal(self._too_large())
            return message

        return counted

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"the upload is larger than {self._limit} bytes", cure="compress or cut it, or raise max_upload_bytes"
        )


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _password(headers: Headers) -> str | None:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2] or None
    except (binascii.Error, UnicodeDecodeError):
        return None
