"""Bytes at an address, wherever it points: local paths, S3, HTTP, anything fsspec reads."""
