"""The service as its callers meet it: a real server on a free port, asked over HTTP."""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
import httpx
import numpy as np
import psutil
import pytest
from serving_inputs import Service, babble, wav_bytes

from talkie.clip import FPS
from talkie.heads import ARKIT_NAMES
from talkie.media import decode_mp4, read_audio
from talkie.serving.controls import VideoControls
from talkie.serving.exchange import VIDEO_PATH
from talkie.serving.generate import generate
from talkie.serving.material import Files
from talkie.systems.tasks import SPEECH_TO_MOTION

MOTION_PATH = SPEECH_TO_MOTION.endpoint
SPEECH = wav_bytes(babble(1.3, seed=1))
BRIEF = wav_bytes(babble(0.5, seed=3))
SMALL = {"size": "128"}


@pytest.fixture(scope="module")
def anyone(service: Service) -> Iterator[httpx.Client]:
    """A caller without a token."""
    with httpx.Client(base_url=service.config.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def caller(service: Service) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {service.token}"}
    with httpx.Client(base_url=service.config.url, timeout=60, headers=headers) as client:
        yield client


def ask(client: httpx.Client, path: str, audio: bytes = SPEECH, name: str = "a.wav", **fields: str) -> httpx.Response:
    return client.post(path, files={"audio": (name, audio)}, data=fields)


def refused(response: httpx.Response, status: int, cause: str) -> str:
    """Asserts a refusal of the one shape, and returns its message."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"cause", "message", "cure", "request_id"}
    assert body["error"]["cause"] == cause
    assert body["error"]["request_id"] == response.headers["X-Request-ID"]
    return body["error"]["message"]


def family_of(service: Service) -> list[psutil.Process]:
    """The service's process and every process below it."""
    parent = psutil.Process(service.process.pid)
    return [parent, *parent.children(recursive=True)]


def stranger_calls(port: int) -> grpc.StatusCode:
    """What a call of Serve's replica interface without a token is answered with."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as refusal:
        channel.unary_unary("/ray.serve.ASGIService/HandleRequest")(b"", timeout=10)
    return refusal.value.code()


# --- who may ask --------------------------------------------------------------------------------------------------


def test_every_route_but_healthz_wants_a_token(anyone, caller):
    routes = caller.get("/openapi.json").json()["paths"]
    tried = 0
    for path, methods in {
        **routes,
        "/docs": {"get": {}},
        "/openapi.json": {"get": {}},
        "/no/such": {"put": {}},
    }.items():
        for method in methods:
            response = anyone.request(method, path)
            if path == "/healthz":
                assert response.status_code == 200
                continue
            refused(response, 401, "unauthorized")
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            tried += 1
    assert tried >= 6


@pytest.mark.parametrize("header", ["Bearer wrong-token", "Bearer", "Basic dTpw", "wrong-token", "Bearer ü"])
def test_a_wrong_token_is_as_good_as_none(anyone, header):
    refused(anyone.get("/v1/models", headers={"Authorization": header.encode()}), 401, "unauthorized")


def test_the_token_counts_in_the_header_only(anyone, service):
    refused(anyone.get("/v1/models", params={"token": service.token}), 401, "unauthorized")


def test_a_browser_may_read_the_manual_with_the_token_as_password_but_do_nothing_else(anyone, service):
    password = ("", service.token)
    assert anyone.get("/docs", auth=password).status_code == 200
    refused(anyone.get("/v1/models", auth=password), 401, "unauthorized")


def test_nothing_is_read_of_a_strangers_upload(anyone):
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(100_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with suppress(httpx.WriteError, httpx.ReadError):  # cut off while we were still sending
        refused(anyone.post(MOTION_PATH, content=endless(), headers=headers), 401, "unauthorized")


# --- answers ------------------------------------------------------------------------------------------------------


def test_the_models_are_listed_with_what_they_are(caller, service):
    body = caller.get("/v1/models").json()
    (model,) = body["models"]
    assert body["default"] == service.label == f"{model['name']}/{model['version']}"
    assert model["task"] == "speech_to_motion"
    assert model["endpoints"] == [MOTION_PATH, VIDEO_PATH]
    assert model["licence"]


def test_speech_becomes_arkit_coefficients_a_row_a_frame(caller, service):
    response = ask(caller, MOTION_PATH)
    assert response.status_code == 200, response.text
    assert response.headers["X-Talkie-Model"] == service.label
    assert response.headers["X-Talkie-Content"] == "ai-generated"
    body = response.json()
    assert body["fps"] == FPS
    assert body["names"] == list(ARKIT_NAMES)
    frames = np.array(body["frames"])
    assert frames.shape == (round(1.3 * FPS), 52)
    assert np.array(body["jaw"]).shape == (len(frames), 3)
    assert frames.min() >= 0
    assert frames.max() <= 1
    assert frames.std(0).max() > 0.01  # it moves


@pytest.mark.parametrize(("fields", "accept"), [({"format": "csv"}, "*/*"), ({}, "text/csv")])
def test_csv_holds_the_same_numbers(caller, fields, accept):
    response = caller.post(MOTION_PATH, files={"audio": SPEECH}, data=fields, headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(response.text))
    assert header == ["time_s", *ARKIT_NAMES, "jawPitch", "jawYaw", "jawRoll"]
    numbers = np.array(rows, float)
    np.testing.assert_allclose(numbers[:, 0], np.arange(len(rows)) / FPS, atol=1e-3)
    body = ask(caller, MOTION_PATH).json()
    np.testing.assert_array_equal(numbers[:, 1:53], body["frames"])
    np.testing.assert_array_equal(numbers[:, 53:], body["jaw"])


def test_speech_becomes_a_film_with_sound_as_long_as_the_speech(caller, tmp_path):
    response = ask(caller, VIDEO_PATH, **SMALL)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "video/mp4"
    film = decode_mp4(response.content)
    assert film.shape[1:] == (128, 128, 3)
    assert abs(len(film) / FPS - 1.3) <= 1 / FPS
    assert np.abs(np.diff(film.astype(int), axis=0)).max() > 20  # it moves
    (tmp_path / "film.mp4").write_bytes(response.content)
    sound = read_audio(tmp_path / "film.mp4")
    assert abs(len(sound) / 16_000 - 1.3) <= 2 / FPS  # AAC comes in blocks of 64 ms
    spoken = babble(1.3, seed=1)[: len(sound)]
    assert np.corrcoef(sound[: len(spoken)], spoken)[0, 1] > 0.8  # through a lossy codec, and not shifted


def test_a_film_says_that_it_is_generated(caller, tmp_path, service):
    import av

    with av.open(io.BytesIO(ask(caller, VIDEO_PATH, BRIEF, **SMALL).content)) as container:
        comment = container.metadata["comment"]
    assert "AI-generated" in comment
    assert service.label in comment


def test_the_server_and_the_command_line_answer_alike(caller, model_folder, tmp_path):
    (tmp_path / "a.wav").write_bytes(SPEECH)
    for name in ("a.json", "a.mp4"):
        generate(str(model_folder), Files(tmp_path / "a.wav"), tmp_path / name, controls=VideoControls(size=128))
    # The two use different numbers of CPU threads, which may move the last bits of a sum.
    told = json.loads((tmp_path / "a.json").read_bytes())
    served = ask(caller, MOTION_PATH).json()
    np.testing.assert_allclose(served.pop("frames"), told.pop("frames"), atol=2e-5)
    np.testing.assert_allclose(served.pop("jaw"), told.pop("jaw"), atol=2e-5)
    assert served == told
    films = [decode_mp4(data) for data in (ask(caller, VIDEO_PATH, **SMALL).content, (tmp_path / "a.mp4").read_bytes())]
    assert films[0].shape == films[1].shape
    assert np.abs(films[0].astype(int) - films[1]).mean() < 0.1


def test_two_callers_at_once_get_each_their_own(caller):
    voices = [wav_bytes(babble(0.6 + 0.2 * n, seed=n)) for n in range(2)]
    alone = [ask(caller, VIDEO_PATH, voice, **SMALL).content for voice in voices]
    assert alone[0] != alone[1]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda voice: ask(caller, VIDEO_PATH, voice, "same.wav", **SMALL).content, voices))
    assert together == alone


def test_controls_change_what_they_name(caller):
    plain, face, still = (
        decode_mp4(ask(caller, VIDEO_PATH, BRIEF, **SMALL, **fields).content)
        for fields in ({}, {"identity": "7", "look": "3"}, {"idle": "false"})
    )
    assert np.abs(plain[0].astype(int) - face[0]).mean() > 5
    assert not np.array_equal(plain, still)
    styles = [ask(caller, MOTION_PATH, BRIEF, style=style).json()["frames"] for style in ("ada", "bob")]
    assert styles[0] != styles[1]


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "fields", "names"),
    [
        (VIDEO_PATH, {"size": "64"}, ["size", "128"]),
        (VIDEO_PATH, {"size": "100000"}, ["size", "512"]),
        (VIDEO_PATH, {"size": "255"}, ["size", "multiple of 2"]),
        (VIDEO_PATH, {"identity": "-1"}, ["identity", "0"]),
        (VIDEO_PATH, {"look": "nan"}, ["look", "integer"]),
        (VIDEO_PATH, {"colour": "red"}, ["colour", "does not know"]),
        (MOTION_PATH, {"format": "xml"}, ["format", "'json' or 'csv'"]),
        (MOTION_PATH, {"style": "nobody"}, ["style", "nobody"]),
        (MOTION_PATH, {"style": "x" * 1000}, ["style", "100"]),
    ],
)
def test_a_control_out_of_range_is_named_with_its_range(caller, path, fields, names):
    message = refused(ask(caller, path, **fields), 422, "bad_input")
    assert all(name in message for name in names), message


@pytest.mark.parametrize("model", ["nobody", "../../etc/passwd", "nobody/7", "unitalker\x00"])
def test_a_model_that_is_not_served_is_not_found(caller, model):
    assert "model" in refused(ask(caller, MOTION_PATH, model=model), 404, "unknown_model")


def test_a_request_without_sound_says_so(caller):
    assert "audio" in refused(caller.post(MOTION_PATH, data={"style": "ada"}), 422, "bad_input")
    assert "audio" in refused(caller.post(MOTION_PATH, data={"audio": "no file"}), 422, "bad_input")
    assert "audio" in refused(caller.post(MOTION_PATH, json={"audio": "no form"}), 422, "bad_input")


def test_a_body_that_is_no_form_is_refused_in_the_same_shape(caller):
    broken = caller.post(MOTION_PATH, content=b"--x\r\nnonsense", headers={"Content-Type": "multipart/form-data"})
    refused(broken, 400, "bad_request")


@pytest.mark.parametrize(
    ("data", "status", "cause"),
    [
        (b"garbage" * 100, 415, "not_media"),
        (b"", 415, "empty_file"),
        (wav_bytes(babble(0.01)), 422, "too_short"),
        (wav_bytes(np.zeros(21 * 16_000, np.float32)), 413, "too_long"),
    ],
    ids=["garbage", "empty", "too short", "too long"],
)
def test_sound_that_cannot_be_used_is_named(caller, data, status, cause):
    message = refused(ask(caller, VIDEO_PATH, data, name="../../evil\n.wav"), status, cause)
    assert message.startswith("audio: ")
    assert "/tmp" not in message  # nothing of our file system
    assert "evil" not in message


def test_an_upload_beyond_the_limit_is_refused_before_it_is_taken(caller, service):
    start = time.perf_counter()
    response = ask(caller, MOTION_PATH, bytes(service.config.max_upload_bytes + 1))
    assert str(service.config.max_upload_bytes) in refused(response, 413, "too_large")
    assert time.perf_counter() - start < 2


def test_an_upload_that_hides_its_length_is_cut_off_at_the_limit(caller, service):
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
        while sent < 50 * service.config.max_upload_bytes:
            sent += 65_536
            yield bytes(65_536)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with suppress(httpx.WriteError, httpx.ReadError):  # cut off while we were still sending
        refused(caller.post(MOTION_PATH, content=chunks(), headers=headers), 413, "too_large")
    assert sent < 50 * service.config.max_upload_bytes


def test_unknown_routes_and_methods_answer_in_the_same_shape(caller):
    refused(caller.get("/v1/nothing"), 404, "no_such_route")
    response = caller.get(MOTION_PATH)
    refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "POST"


def test_more_callers_than_the_queue_holds_are_told_when_to_come_back(caller, service):
    voice = wav_bytes(babble(3, seed=4))
    crowd = service.config.max_ongoing_requests + service.config.max_queued_requests + 4
    with ThreadPoolExecutor(crowd) as pool:
        answers = list(pool.map(lambda _: ask(caller, VIDEO_PATH, voice, **SMALL), range(crowd)))
    turned_away = [a for a in answers if a.status_code != 200]
    assert turned_away
    for response in turned_away:
        refused(response, 429, "busy")
        assert int(response.headers["Retry-After"]) >= 1
        assert response.elapsed.total_seconds() < 2
    served = [a for a in answers if a.status_code == 200]
    assert len(served) >= service.config.max_ongoing_requests + service.config.max_queued_requests
    assert len({a.content for a in served}) == 1


# --- faults -------------------------------------------------------------------------------------------------------


def test_answers_carry_headers_against_sniffing_and_caching(caller):
    headers = caller.get("/docs").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_the_manual_needs_no_script_and_no_other_host(caller):
    page = caller.get("/docs").text
    assert "<script" not in page
    assert "http-equiv" not in page
    assert MOTION_PATH in page
    assert VIDEO_PATH in page
    assert "max_audio_seconds" in page


def test_rays_own_ports_turn_strangers_away(service):
    # Serve's replicas take pickled calls on ports of every interface: without Ray's token that would be a shell.
    answers = []
    for process in family_of(service):
        if "ServeReplica" in process.cmdline()[0]:
            ports = [c.laddr.port for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
            answers += [stranger_calls(port) for port in ports]
    assert answers.count(grpc.StatusCode.UNAUTHENTICATED) >= 2
    assert set(answers) <= {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED}


def test_a_caller_who_leaves_frees_the_model(caller, service):
    voice = wav_bytes(babble(18, seed=5))
    with (
        httpx.Client(base_url=service.config.url, headers=caller.headers, timeout=1.5) as hasty,
        pytest.raises(httpx.ReadTimeout),
    ):
        ask(hasty, VIDEO_PATH, voice, size="512")
    start = time.perf_counter()
    assert ask(caller, MOTION_PATH).status_code == 200
    # 450 frames at 512 px would have held the one slot for far longer.
    assert time.perf_counter() - start < 5


def test_a_model_process_that_dies_is_replaced(caller, anyone, service):
    (replica,) = [p for p in family_of(service) if "ServeReplica" in p.cmdline()[0] and "model-0" in p.cmdline()[0]]
    replica.kill()
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        response = ask(caller, MOTION_PATH)
        if response.status_code == 200:
            break
        refused(response, 503, "not_ready")
        assert int(response.headers["Retry-After"]) >= 1
        time.sleep(0.3)
    assert response.status_code == 200
    assert anyone.get("/healthz").status_code == 200


def test_a_signal_ends_the_service_and_every_process_it_started(anyone, service):
    # The last test of the file, because it ends what the others ask.
    family = family_of(service)
    assert len(family) > 3
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=30) == 0
    assert service.process.stdout.read().splitlines()[-1] == "stopped"
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not [process.cmdline() for process in alive]
    with pytest.raises(httpx.ConnectError):
        anyone.get("/healthz")
