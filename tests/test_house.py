"""The walls of the house: names that must not exist, and imports that run downward only."""

import ast
import pickle
from pathlib import Path

import pytest

from talkie import errors
from talkie.systems import system_names

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "platform" / "talkie"

# Each floor may import itself and what stands below it.
FLOORS = [
    {"errors", "late", "reaper"},
    {"clip", "cluster", "licences", "storage"},
    {"media", "heads", "render", "speech", "faces"},
    {"shards"},
    {"stage"},
    {"curation", "systems"},
    {"training", "experiments", "evaluation"},
    {"serving"},
    {"cli"},
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}


def imported(path: Path) -> set[str]:
    """The top rooms of talkie that a file imports, at module level or late."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"talkie.{a.name}" for a in node.names] if node.module == "talkie" else [node.module]
        rooms |= {n.split(".")[1] for n in names if n.startswith("talkie.")}
    return rooms


@pytest.mark.parametrize("folder", ["platform", "datasets"])
def test_a_folder_that_would_hide_another_package_is_no_package(folder):
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=lambda p: str(p.relative_to(LIBRARY)))
def test_imports_run_downward_only(path):
    room = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
    if room == "__init__":
        assert not imported(path)
        return
    above = {r for r in imported(path) if FLOOR_OF[r] > FLOOR_OF[room]}
    assert not above, f"{room} imports {above} from a floor above"


def test_the_library_names_no_system_of_the_zoo():
    slugs = system_names()
    assert slugs
    named = {(path.name, slug) for path in LIBRARY.rglob("*.py") for slug in slugs if f'"{slug}"' in path.read_text()}
    assert not named


def test_the_library_never_imports_the_zoo():
    assert not [
        p for p in LIBRARY.rglob("*.py") if "import talkie_zoo" in p.read_text() or "from talkie_zoo" in p.read_text()
    ]


def test_errors_cross_process_borders_whole():
    error = pickle.loads(pickle.dumps(errors.NoFace("no face", where="a.mp4", cure="film one")))
    assert type(error) is errors.NoFace
    assert str(error) == "a.mp4: no face; film one"
