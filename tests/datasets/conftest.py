"""Sample media, made once for all data set tests."""

from __future__ import annotations

import pytest
from fake_media import FakeMedia


@pytest.fixture(scope="session")
def media(tmp_path_factory) -> FakeMedia:
    return FakeMedia(tmp_path_factory.mktemp("media"))
