"""The description of what a corpus keeps: checked as a whole, YAML in, filters and annotators out.

The field's recipes stand beside as YAML, with the sources of their numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from talkie.curation.draft import Annotator
from talkie.curation.judgement.filters import FILTERS, Filter
from talkie.curation.judgement.scores import SCORES
from talkie.errors import BadConfig, BadInput
from talkie.faces import Recipe as CropRecipe

_FOLDER = resources.files("talkie.curation.judgement.recipes")


class Lengths(BaseModel):
    """Seconds of a clip: shorter stretches are dropped, longer ones cut."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least_s: float = Field(default=1.0, ge=0.2)
    most_s: float = Field(default=60.0, le=600)

    @model_validator(mode="after")
    def _in_order(self) -> Lengths:
        if self.most_s < 2 * self.least_s:
            raise ValueError("most_s must be at least twice least_s")
        return self


class CurationRecipe(BaseModel):
    """What a corpus keeps. labels: annotators beyond what every clip has, by name; scores: annotators of `SCORES`, to
    which those that the filters need are added; filters: thresholds by filter name, an empty mapping takes the
    defaults.

    shows: "face" for square crops that follow a face; "frame" for the whole picture, whose shorter side is scaled down
    to `crop.size`: nobody is looked for then, so that there are no labels, no scores and no filters that need them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    about: str = ""
    shows: Literal["face", "frame"] = "face"
    crop: CropRecipe = CropRecipe()
    clip: Lengths = Lengths()
    labels: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    filters: dict[str, dict[str, Any]] = {}

    @field_validator("scores")
    @classmethod
    def _known_scores(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in SCORES:
                raise ValueError(f"no score {name!r}, there are {', '.join(SCORES)}")
        return names

    @field_validator("filters", mode="before")
    @classmethod
    def _known_filters(cls, filters: Any) -> Any:
        if not isinstance(filters, dict):
            raise ValueError("a mapping of filters to their thresholds")
        for name, thresholds in filters.items():
            if name not in FILTERS:
                raise ValueError(f"no filter {name!r}, there are {', '.join(FILTERS)}")
            _made(name, thresholds)
        return {name: thresholds or {} for name, thresholds in filters.items()}

    @model_validator(mode="after")
    def _asks_no_faces_of_frames(self) -> CurationRecipe:
        if self.shows == "face":
            return self
        if self.labels or self.scores:
            name = [*self.labels, *self.scores][0]
            raise ValueError(f"{name!r} is measured on faces, which `shows: frame` does not look for")
        for judge in self.judges():
            if judge.needs:
                raise ValueError(f"filter {judge.name!r} needs {judge.needs[0]}, which `shows: frame` does not measure")
        return self

    def judges(self) -> tuple[Filter, ...]:
        """The filters, in the order of `FILTERS`, for `judge_all`."""
        return tuple(_made(name, self.filters[name]) for name in FILTERS if name in self.filters)

    def annotators(self) -> tuple[Annotator, ...]:
        """The annotators of every score that is asked for or that a filter needs, in the order of `SCORES`."""
        needed = {need for judge in self.judges() for need in judge.needs}
        return tuple(
            kind() for name, kind in SCORES.items() if name in self.scores or not needed.isdisjoint(kind.scores)
        )

    def settings(self) -> dict[str, Any]:
        """Everything that decides over what is kept, defaults spelled out, as JSON values; stored with the shards."""
        # Of faces nothing is said, so that shards made before there was a choice can still be added to.
        unsaid = {"filters", "about"} | ({"shows"} if self.shows == "face" else set())
        return {
            **self.model_dump(mode="json", exclude=unsaid),
            "filters": {
                judge.name: TypeAdapter(type(judge)).dump_python(judge, mode="json") for judge in self.judges()
            },
        }


def _made(name: str, thresholds: dict[str, Any] | None) -> Filter:
    """A filter with its thresholds. Raises ValueError in one line."""
    kind = FILTERS[name]
    try:
        return TypeAdapter(kind).validate_python(thresholds or {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([name, *(str(p) for p in first["loc"])])
        wrong = first["type"] in ("extra_forbidden", "unexpected_keyword_argument")
        message = f"no such threshold, there are {', '.join(f.name for f in fields(kind))}" if wrong else first["msg"]
        raise ValueError(f"{place}: {message}") from error


def recipe_names() -> tuple[str, ...]:
    return tuple(sorted(p.name.removesuffix(".yaml") for p in _FOLDER.iterdir() if p.name.endswith(".yaml")))


def load_recipe(spec: str | Path, known_labels: Collection[str] | None = None) -> CurationRecipe:
    """A recipe by name or YAML file. A file may begin with another (`recipe: latentsync`) and change fields of it; a
    filter set to null is taken out.

    known_labels: names that `labels` may hold; None: any. Raises BadConfig naming the field, BadInput for a recipe or
    file that is not there."""
    return parse_recipe(_tree_of(spec, ()), str(spec), known_labels)


def changed(recipe: CurationRecipe, over: dict[str, Any]) -> CurationRecipe:
    """The recipe with some fields replaced, as a file that begins with it would. Raises BadConfig naming the field."""
    return parse_recipe(_merged(recipe.model_dump(), over), recipe.name)


def parse_recipe(tree: dict[str, Any], where: str, known_labels: Collection[str] | None = None) -> CurationRecipe:
    """A recipe from plain data. Raises BadConfig with one line: the field, what is wrong, what is allowed."""
    filters = tree.get("filters")
    if isinstance(filters, dict):
        tree = {**tree, "filters": {name: value for name, value in filters.items() if value is not None}}
    try:
        recipe = CurationRecipe.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(p) for p in first["loc"]) or "recipe"
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = "no such field"
        raise BadConfig(f"{field}: {message} (given: {first['input']!r:.60})", where=where) from error
    unknown = [name for name in recipe.labels if known_labels is not None and name not in known_labels]
    if unknown:
        raise BadConfig(
            f"labels: no label {unknown[0]!r}, there are {', '.join(sorted(known_labels or ()))}", where=where
        )
    return recipe


def _tree_of(spec: str | Path, within: tuple[str, ...]) -> dict[str, Any]:
    """The recipe's own fields over those of the recipe that it begins with; `within`: the recipes that led here."""
    path = Path(spec)
    if path.suffix in (".yaml", ".yml"):
        text = _read(path)
    elif str(spec) in recipe_names():
        text = (_FOLDER / f"{spec}.yaml").read_text(encoding="utf-8")
    else:
        cure = f"use one of {', '.join(recipe_names())}, or a .yaml file"
        raise BadInput(f"no recipe {str(spec)!r}", where="--recipe", cure=cure)
    key = str(path.resolve()) if path.suffix else str(spec)
    if key in within:
        raise BadConfig("begins with itself", where=str(spec), cure="let `recipe:` name another")
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadConfig(f"is no YAML: {str(error).splitlines()[0]}", where=str(spec)) from error
    if not isinstance(tree, dict):
        raise BadConfig("a recipe is a mapping of fields", where=str(spec), cure="begin with `name: my-recipe`")
    base = tree.pop("recipe", None)
    return tree if base is None else _merged(_tree_of(_beside(path, str(base)), (*within, key)), tree)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise BadConfig("is no text in UTF-8", where=str(path)) from error


def _beside(path: Path, base: str) -> str | Path:
    """A file that a file begins with lies beside it."""
    return path.parent / base if Path(base).suffix in (".yaml", ".yml") and path.suffix else base


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        out[key] = _merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out
