"""What the operator may set, and what the service refuses to start with."""

import socket

import pytest
from pydantic import ValidationError

from talkie.errors import BadConfig, BadInput, PortTaken, UnknownModel
from talkie.serving.config import ServeConfig, choose_token, is_loopback, token_digest
from talkie.serving.server import start

TOKEN = "a-token-of-more-than-twenty-characters"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_addresses_of_this_machine_count_as_loopback(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "localhost.example.org"])
def test_without_a_token_only_this_machine_is_served(host):
    with pytest.raises(ValidationError, match="needs a token"):
        ServeConfig(host=host, auth=False)
    assert ServeConfig(host=host).auth


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValidationError, match="max_upload"):
        ServeConfig(max_upload=1)


def test_a_fresh_token_has_256_bits_and_is_never_shown_by_accident(monkeypatch):
    monkeypatch.delenv("TALKIE_TOKEN", raising=False)
    token, fresh = choose_token()
    assert fresh
    assert len(token.get_secret_value()) == 43  # 32 bytes in base64 without padding
    assert token.get_secret_value() not in f"{token!r} {token}"
    assert choose_token()[0] != token


def test_the_environment_and_a_private_file_bring_their_own_token(monkeypatch, tmp_path):
    monkeypatch.setenv("TALKIE_TOKEN", TOKEN)
    token, fresh = choose_token()
    assert (token.get_secret_value(), fresh) == (TOKEN, False)
    file = tmp_path / "token"
    file.write_text("another" + TOKEN + "\n")
    file.chmod(0o600)
    assert choose_token(file)[0].get_secret_value() == "another" + TOKEN


def test_a_token_file_that_others_can_read_is_refused(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        choose_token(file)


@pytest.mark.parametrize("token", ["short", "with a space in twenty characters", "ümlaut-ümlaut-ümlaut-ümlaut"])
def test_a_token_that_is_weak_or_fits_no_header_is_refused(monkeypatch, token):
    monkeypatch.setenv("TALKIE_TOKEN", token)
    with pytest.raises(BadConfig, match="TALKIE_TOKEN"):
        choose_token()


def test_the_service_keeps_a_digest_of_the_token_only():
    # FIPS 180-4, SHA-256 of "abc".
    assert token_digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_port_in_use_is_named_before_ray_starts(model_folder):
    import ray

    was_up = ray.is_initialized()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            start(ServeConfig(port=port), [str(model_folder)])
    assert ray.is_initialized() is was_up


def test_a_model_that_does_not_exist_is_named_before_ray_starts(tmp_path):
    with pytest.raises(UnknownModel):
        start(ServeConfig(port=65_000), ["no-such-model"], tmp_path)
