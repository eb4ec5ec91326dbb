"""`talkie …`: the command line. Commands are thin: they parse, call the library, and print."""

from talkie.cli.main import main

__all__ = ["main"]
