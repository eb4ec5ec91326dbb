"""From typed errors to HTTP: the status code of each cause and the one JSON shape of every refusal."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from talkie import errors
from talkie.errors import TalkieError

logger = logging.getLogger("ray.serve")

RETRY_AFTER_S = 2

STATUS: dict[type[TalkieError], int] = {
    errors.Unauthorized: 401,
    errors.UnknownModel: 404,
    errors.TooLarge: 413,
    errors.TooLong: 413,
    errors.UnreadableMedia: 415,
    errors.TooShort: 422,
    errors.BadInput: 422,
    errors.Busy: 429,
    errors.NotReady: 503,
    errors.TimedOut: 504,
}
"""The nearest class of an error's ancestry decides; whatever is not here is our fault and a 500."""


class Refusal(HTTPException):
    """A TalkieError on its way out through FastAPI, which lets only HTTPException through its form parser."""

    def __init__(self, error: TalkieError):
        self.error = error
        super().__init__(status_of(error))


class ErrorDetail(BaseModel):
    """What went wrong: a stable slug, one sentence, what to do about it, and the id to quote in a report."""

    cause: str
    message: str
    cure: str | None
    request_id: str


class ErrorBody(BaseModel):
    """The body of every answer that is not 2xx."""

    error: ErrorDetail


def status_of(error: TalkieError) -> int:
    """The HTTP status of an error: that of its nearest ancestor in STATUS, else 500."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def error_response(error: TalkieError, request_id: str, status: int | None = None) -> JSONResponse:
    """The JSON body and headers of an error. `where` joins the message: it names a field, never a server path."""
    status = status or status_of(error)
    message = f"{error.where}: {error.message}" if error.where else error.message
    detail = ErrorDetail(cause=error.cause, message=message, cure=error.cure, request_id=request_id)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="talkie"'
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 413:
        # The rest of the upload may still be on its way; nobody wants it.
        headers["Connection"] = "close"
    return JSONResponse(ErrorBody(error=detail).model_dump(), status, headers)


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The id that Serve's proxy gave this request (and sends back as X-Request-ID)."""
    raw = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return raw.decode("latin-1")[:100]


def install_handlers(app: FastAPI) -> None:
    """Give `app` the error bodies of this module in place of FastAPI's."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> JSONResponse:
        return error_response(refusal.error, request_id_of(request.scope))

    @app.exception_handler(TalkieError)
    async def failed(request: Request, error: TalkieError) -> JSONResponse:
        return error_response(error, request_id_of(request.scope))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(_first_bad_field(error), request_id_of(request.scope))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        slug = TalkieError(str(error.detail).lower(), cure="see /docs for the routes and their fields")
        slug.cause = {404: "no_such_route", 405: "method_not_allowed"}.get(error.status_code, "bad_request")
        response = error_response(slug, request_id_of(request.scope), error.status_code)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        # The traceback goes to the log under the request's id, never to the caller.
        request_id = request_id_of(request.scope)
        logger.error("request %s failed", request_id, exc_info=error)
        internal = TalkieError("something went wrong here", cure="report it with the request_id")
        internal.cause = "internal"
        return error_response(internal, request_id, 500)


def _first_bad_field(error: RequestValidationError) -> errors.BadInput:
    """One error for the first bad field: its name and what it must be, in pydantic's words."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "body"
    given = "" if first["type"] == "missing" or field == "audio" else f", got {str(first.get('input'))[:40]!r}"
    known = "" if first["type"] != "extra_forbidden" else "; this route does not know the field"
    return errors.BadInput(
        f"{first['msg']}{given}{known}", where=field, cure="see /docs for the fields and their ranges"
    )
