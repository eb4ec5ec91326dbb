"""MediaPipe's graphs for many clips at once: each clip has its own while it lasts, a finished one is used again."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any


def mediapipe_tool(model: str) -> str:
    return f"mediapipe {model} {version('mediapipe')}"


class GraphPool:
    """Graphs that follow something from frame to frame. Two people of one scene are watched side by side, so that one
    graph for both would take one's place for the other's."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._free = make, list[Any]()

    def take(self) -> Any:
        """A graph that remembers nothing."""
        if not self._free:
            return self._make()
        graph = self._free.pop()
        graph.reset()
        return graph

    def give(self, graph: Any) -> None:
        self._free.append(graph)
