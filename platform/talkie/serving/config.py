"""What an operator may set about the service, and its bearer token; nothing here opens a socket or starts Ray."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from talkie.errors import BadConfig, BadInput

TOKEN_VARIABLE = "TALKIE_TOKEN"
"""Environment variable with the token to use in place of a fresh one."""

MIN_TOKEN_CHARACTERS = 20
"""A token that a user brings must be at least this long; 20 random letters and digits are about 119 bits."""


class ServeConfig(BaseModel):
    """Limits and place of the service. Every limit is enforced, and named in the error that it causes.

    `max_ongoing_requests`: generations that one replica runs at a time. `max_queued_requests`: requests that
    may wait for one model before further ones get 429. `request_timeout_s`: waiting and generating together.
    `auth=False` switches the token off and is refused for a host that is not this machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    auth: bool = True
    max_audio_seconds: float = Field(60.0, gt=0, le=3600)
    max_upload_bytes: int = Field(25 * 2**20, gt=0)
    replicas: int = Field(1, ge=1)
    max_ongoing_requests: int = Field(1, ge=1)
    max_queued_requests: int = Field(8, ge=1)
    request_timeout_s: float = Field(300.0, gt=0)

    @model_validator(mode="after")
    def _no_open_service_beyond_this_machine(self) -> ServeConfig:
        if not self.auth and not is_loopback(self.host):
            raise ValueError(f"host {self.host} is reachable from other machines and needs a token: keep auth on")
        return self

    @property
    def url(self) -> str:
        """Where this machine reaches the service. An all-interfaces address is no destination."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """True for localhost and loopback addresses; any other name may resolve to anything and counts as open."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def choose_token(token_file: Path | None = None) -> tuple[SecretStr, bool]:
    """(token, fresh): from the file, else from TALKIE_TOKEN, else 256 fresh random bits, `fresh` being True.

    Only a fresh token should ever be printed. Raises BadInput for an unreadable file or one that others can read,
    BadConfig for a token that is too short or has characters that no header can carry.
    """
    if token_file is not None:
        return _checked(_read_private(token_file), str(token_file)), False
    if given := os.environ.get(TOKEN_VARIABLE):
        return _checked(given, TOKEN_VARIABLE), False
    return SecretStr(secrets.token_urlsafe(32)), True


def _read_private(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise BadInput("other users can read the token", where=str(path), cure=f"chmod 600 '{path}'")
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("the token file cannot be read", where=str(path), cure="name a readable text file") from error


def _checked(token: str, where: str) -> SecretStr:
    if len(token) < MIN_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise BadConfig(
            f"the token must be at least {MIN_TOKEN_CHARACTERS} ASCII characters without spaces",
            where=where,
            cure="take one from `python -c 'import secrets; print(secrets.token_urlsafe(32))'`",
        )
    return SecretStr(token)


def token_digest(token: str) -> bytes:
    """SHA-256 of a token: what the service keeps, so that the token itself is in no actor's arguments."""
    return hashlib.sha256(token.encode()).digest()
