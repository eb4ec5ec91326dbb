"""What an address is, and that nothing secret in it is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from talkie.storage import is_remote, join, local_path, shown, suffix_of


@pytest.mark.parametrize("uri", ["s3://b/k", "https://host/a.mp4", "gs://b/k", "memory://x"])
def test_an_address_with_a_scheme_is_remote(uri):
    assert is_remote(uri)


@pytest.mark.parametrize(
    "uri", ["a.mp4", "/a/b", "file:///a/b", "concat:a.mp4", "C:stuff", Path("s3://b/k"), "a://"[1:]]
)
def test_paths_and_file_addresses_are_not(uri):
    assert not is_remote(uri)


def test_a_file_address_names_a_path_with_its_escapes_undone():
    assert local_path("file:///a%20b/c.mp4") == Path("/a b/c.mp4")


@pytest.mark.parametrize(
    ("uri", "safe"),
    [
        ("https://user:pass@host:8443/a.mp4", "https://host:8443/a.mp4"),
        ("s3://key:secret@bucket/a.mp4", "s3://bucket/a.mp4"),
        ("https://h/a.mp4?X-Amz-Signature=abc&X-Amz-Credential=k&v=2", "https://h/a.mp4?v=2"),
        ("https://h/a.mp4?X-Goog-Signature=abc&X-Goog-Expires=5", "https://h/a.mp4"),
        ("https://h/a.mp4?Expires=1&Signature=s&Key-Pair-Id=k", "https://h/a.mp4"),
        ("https://h/a.mp4?AWSAccessKeyId=AK&Signature=s", "https://h/a.mp4"),
        ("https://h/c/a.mp4?sv=2022&se=2030&sp=r&sig=abc%3D&part=1", "https://h/c/a.mp4?part=1"),
        ("https://h/a.mp4?access_token=abc", "https://h/a.mp4"),
        ("https://h/a.mp4#t=3", "https://h/a.mp4"),
        ("https://h/watch?v=a%20b&sp=x", "https://h/watch?v=a%20b&sp=x"),
        ("s3://bucket/what?.mp4", "s3://bucket/what?.mp4"),
    ],
)
def test_what_is_shown_holds_no_user_no_password_and_no_signature(uri, safe):
    assert shown(uri) == safe


def test_a_name_that_is_no_unicode_is_shown_with_an_escape():
    assert shown("/a/caf\udce9.mp4") == "/a/caf\\xe9.mp4"


def test_names_are_joined_and_suffixes_read_as_the_scheme_has_them():
    assert join("s3://b/p/", "a", "x.tar") == "s3://b/p/a/x.tar"
    assert join("/a/b", "x.tar") == "/a/b/x.tar"
    assert suffix_of("https://h/a.MP4?token=x") == ".mp4"
    assert suffix_of("s3://b/a.tar") == ".tar"
