"""The HTTP face of the service: routes, their fields and answers. Ray is not here but in deployments.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, Form, Header, UploadFile
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp

from talkie.errors import NotReady, TalkieError, UnknownModel
from talkie.serving.config import ServeConfig
from talkie.serving.controls import MotionControls, MotionFormat, VideoControls
from talkie.serving.docs import docs_page
from talkie.serving.exchange import GENERATOR, MEDIA_TYPES, VIDEO_PATH, Answer, AnswerFormat, ServedModel
from talkie.serving.faults import ErrorBody, install_handlers
from talkie.serving.gate import Gate
from talkie.serving.uploads import read_upload

Ask = Callable[[str, np.ndarray, MotionControls, AnswerFormat], Awaitable[Answer | TalkieError]]
"""(model label, (N,) float32 16 kHz speech, controls, format) -> the answer, or what the caller did wrong."""

Ready = Callable[[], Awaitable[bool]]


class ModelList(BaseModel):
    """The body of GET /v1/models. `default` answers where a request names no model."""

    default: str
    models: list[ServedModel]


class Health(BaseModel):
    """The body of GET /healthz when all is well; otherwise it is an error with status 503."""

    status: str = "ready"


_AUDIO = Field(description="Speech: WAV, FLAC, MP3, Ogg, M4A … sound alone, within max_audio_seconds.")
_MODEL = Field(max_length=200, description="name or name/version of /v1/models; default: the first one there.")


class MotionForm(MotionControls):
    """Fields of speech-to-motion."""

    audio: Annotated[UploadFile, _AUDIO]
    model: Annotated[str | None, _MODEL] = None
    format: Annotated[
        MotionFormat | None, Field(description="Default: what the Accept header asks for, else json.")
    ] = None


class VideoForm(VideoControls):
    """Fields of speech-to-video."""

    audio: Annotated[UploadFile, _AUDIO]
    model: Annotated[str | None, _MODEL] = None


_FORM = Form(media_type="multipart/form-data")
_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorBody} for code in (401, 404, 413, 415, 422, 429, 500, 503, 504)
}


def build_app(
    config: ServeConfig,
    models: Sequence[ServedModel],
    motion_path: str,
    ask: Ask,
    ready: Ready,
    digest: bytes | None,
) -> ASGIApp:
    """The whole application behind its gate. `motion_path`: the endpoint of the models' task; `digest`: SHA-256 of the
    token, None where authentication is off."""
    app = FastAPI(
        title="talkie",
        version=GENERATOR.partition("/")[2],
        description="Speech in; facial motion or a video of a talking head out. Every answer is AI-generated.",
        docs_url=None,
        redoc_url=None,
    )
    install_handlers(app)
    # For the OpenAPI document alone: the gate has checked the token before any route is chosen.
    guarded = [Depends(HTTPBearer(auto_error=False))] if digest is not None else []

    @app.get("/healthz", responses={503: {"model": ErrorBody}})
    async def healthz() -> Health:
        """Whether the service answers requests. The one route that needs no token."""
        if not await ready():
            raise NotReady("a model is not up", cure="try again soon")
        return Health()

    @app.get("/v1/models", dependencies=guarded, responses={401: {"model": ErrorBody}})
    async def list_models() -> ModelList:
        """The models served here, what they are and which routes they answer."""
        return ModelList(default=models[0].label, models=list(models))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi(), config))

    async def respond(form: MotionForm | VideoForm, controls: MotionControls, kind: AnswerFormat) -> Response:
        model = _choose(models, form.model)
        # Decoding is seconds of CPU for a long file; the loop has other callers.
        audio = await asyncio.to_thread(read_upload, form.audio.file, "audio", config.max_audio_seconds)
        await form.audio.close()
        result = await ask(model.label, audio, controls, kind)
        if isinstance(result, TalkieError):
            raise result
        return _response(result, model.label, kind)

    @app.post(
        motion_path,
        dependencies=guarded,
        responses={**_ERRORS, 200: _content("json", "csv")},
        response_class=JSONResponse,
    )
    async def speech_to_motion(
        form: Annotated[MotionForm, _FORM], accept: Annotated[str, Header()] = "*/*"
    ) -> Response:
        """The 52 ARKit coefficients and the jaw's rotation for every frame (25 a second) of the speech."""
        return await respond(form, _controls(form, MotionControls), form.format or _accepted(accept))

    @app.post(VIDEO_PATH, dependencies=guarded, responses={**_ERRORS, 200: _content("mp4")}, response_class=Response)
    async def speech_to_video(form: Annotated[VideoForm, _FORM]) -> Response:
        """An MP4 (H.264, AAC, 25 frames a second) of a generated head that speaks, as long as the speech."""
        return await respond(form, _controls(form, VideoControls), "mp4")

    return Gate(app, digest=digest, max_upload_bytes=config.max_upload_bytes)


def _choose(models: Sequence[ServedModel], wanted: str | None) -> ServedModel:
    """The model of that label, the first of that name, or the first of all. Raises UnknownModel."""
    for model in models:
        if wanted in (None, "", model.label, model.name):
            return model
    names = ", ".join(model.label for model in models)
    raise UnknownModel(f"no model {wanted!r} is served here", where="model", cure=f"choose one of {names}")


def _controls(form: BaseModel, kind: type[MotionControls]) -> MotionControls:
    """The controls among the fields of a form."""
    return kind.model_validate({name: getattr(form, name) for name in kind.model_fields})


def _accepted(accept: str) -> MotionFormat:
    """CSV only where the caller takes it and says nothing of JSON."""
    return "csv" if "text/csv" in accept and "application/json" not in accept else "json"


def _content(*kinds: AnswerFormat) -> dict[str, Any]:
    return {"content": {MEDIA_TYPES[kind].partition(";")[0]: {} for kind in kinds}}


def _response(answer: Answer, label: str, kind: AnswerFormat) -> Response:
    headers = {
        "X-Talkie-Model": label,
        "X-Talkie-Generator": GENERATOR,
        "X-Talkie-Content": "ai-generated",
        "X-Talkie-Frames": str(answer.frames),
        "Server-Timing": f"generate;dur={answer.compute_s * 1000:.1f}",
        # Never shown inside a page of this origin, and never under a name that a client chose.
        "Content-Disposition": f'attachment; filename="speech.{kind}"',
    }
    return Response(answer.body, media_type=answer.media_type, headers=headers)
