"""Face regions frame by frame: outlines from the landmarks, and between them skin, hair and cloth told by colour."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from talkie.curation.draft import Annotator, Draft, Findings, Toolbox, View, Watcher
from talkie.curation.labels.picture.colours import Surface, lab
from talkie.curation.labels.picture.face_shapes import (
    BRIDGE,
    CHIN,
    INNER_LIPS,
    LEFT_EYE,
    OUTER_LIPS,
    OVAL,
    RIGHT_EYE,
    TOP,
    HeadParts,
    fill,
    head_parts,
    hull,
)
from talkie.curation.labels.picture.parser import Parser
from talkie.curation.labels.picture.portrait import portrait, portrait_tool
from talkie.heads.mask_classes import INDEX
from talkie.heads.model import HeadModel
from talkie.licences import licence_of
from talkie.media import PlaneWriter

TOLD = ("background", "skin", "neck", "lips", "mouth_inside", "left_eye", "right_eye", "left_ear", "right_ear", "hair",
        "cloth")  # fmt: skip
"""Classes that a mask made here may hold. Teeth and tongue are part of `mouth_inside`; hands are not told."""
SKIN, HAIR, CLOTH = range(3)
_NEVER = 1e3
_CLEAR = 3.0
"""Log-likelihood by which the best surface beats the next where a pixel counts as sure (20 to 1)."""
_FEW = 0.28
"""Share of the pixels around the face that must not look like skin for a person to have hair."""
_UNLIKE_SKIN = 8.0
"""Squared Mahalanobis distance from which a colour is not the skin's."""
_STRANGE = 30.0
"""The same from which a colour is neither skin nor hair: bare shoulders are brighter than faces, long hair than its
roots."""
_ROOTS = 0.15
"""Height above the chin, in face heights, that hair reaches somewhere."""
_EYE_HEIGHT = 0.85
"""The lid landmarks lie on the lids' outer edges: the ball shows in this share of their opening."""


class Regions(Annotator):
    """mask.mp4: (T, S, S) uint8, indices into `talkie.heads.mask_classes.CLASSES`, lossless, encoded as frames come.

    parser: an ONNX file of a face parser (see `parser`), which then tells all classes in the place of colours.
    Score `mask_doubt`, without a parser: share of the person's pixels outside the face's outlines whose class is less
    than 20 to 1 sure."""

    name: ClassVar[str] = "regions"
    fields: ClassVar[tuple[str, ...]] = ("mask.mp4",)
    scores: ClassVar[dict[str, str]] = {
        "mask_doubt": "share of the pixels told by colour (hair, neck, ears, cloth) whose class is less than 20:1 sure"
    }

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        parser = tools.models.get("face_parser")
        return cls(tools.head) if parser is None else cls(tools.head, parser.path, parser.licence)

    def __init__(self, model: HeadModel, parser: str | Path | None = None, licence: str = "unknown") -> None:
        """licence: of the parser's weights."""
        self._parts = head_parts(model)
        self._parser = None if parser is None else Parser(parser)
        if self._parser is not None:
            self.licence = licence_of(licence).name

    @property
    def tool(self) -> str:
        return f"talkie regions 1 on {portrait_tool()}" if self._parser is None else self._parser.tool

    def start(self) -> Watcher:
        return _Regions(self._parts) if self._parser is None else _Parsed(self._parser)


class _Regions(Watcher):
    def __init__(self, parts: HeadParts) -> None:
        self._painter = Painter(parts)
        self._planes = PlaneWriter()

    def see(self, view: View) -> None:
        self._planes.write(self._painter.paint(view.crop, view.landmarks, portrait().share(view.crop)))

    def finish(self, draft: Draft) -> Findings:
        if self._planes.count == 0:
            self._planes.close()
            return Findings()
        return Findings(
            fields={"mask.mp4": self._planes.finish()}, scores={"mask_doubt": round(self._painter.doubt, 4)}
        )


class _Parsed(Watcher):
    def __init__(self, parser: Parser) -> None:
        self._parser, self._planes = parser, PlaneWriter()

    def see(self, view: View) -> None:
        self._planes.write(self._parser.parse(view.crop, view.landmarks))

    def finish(self, draft: Draft) -> Findings:
        if self._planes.count == 0:
            self._planes.close()
            return Findings()
        return Findings(fields={"mask.mp4": self._planes.finish()})


class Painter:
    """Paints one person's masks in the order of the frames, learning their colours on the way."""

    def __init__(self, parts: HeadParts) -> None:
        self._parts = parts
        # A neck stands in the face's shade: skin may be darker than where it was sampled.
        self._skin, self._hair, self._cloth = Surface((10.0, 3.0, 3.0)), Surface(), Surface()
        self._hairy = 0.5
        self._unsure = self._told = 0

    @property
    def doubt(self) -> float:
        """Share of the pixels told by colour that were not told clearly."""
        return self._unsure / max(self._told, 1)

    def paint(self, crop: np.ndarray, landmarks: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Classes (S, S) uint8 of a crop (S, S, 3) uint8 RGB, with landmarks (478, 2 or 3) in its pixels and the
        share (S, S) of each pixel that people cover. Colours are told at half the resolution."""
        size, side = len(crop), len(crop) // 2
        points = landmarks[:, :2].astype(np.float64)
        ground = _Ground(points * (side / size), self._parts, side)
        person = cv2.resize(share, (side, side), interpolation=cv2.INTER_AREA) > 0.5
        coarse = self._tell(lab(crop, side), person, ground)
        out = cv2.resize(cv2.medianBlur(coarse, 3), (size, size), interpolation=cv2.INTER_NEAREST)
        for name, outline in (("left_eye", LEFT_EYE), ("right_eye", RIGHT_EYE)):
            rim = points[list(outline)]
            fill(out, rim.mean(0) + (rim - rim.mean(0)) * [1, _EYE_HEIGHT], INDEX[name])
        fill(out, points[list(OUTER_LIPS)], INDEX["lips"])
        fill(out, points[list(INNER_LIPS)], INDEX["mouth_inside"])
        out[share <= 0.5] = INDEX["background"]
        return out

    def _tell(self, colours: np.ndarray, person: np.ndarray, ground: _Ground) -> np.ndarray:
        """Classes of a small picture (h, h, 3) without eyes and mouth."""
        self._learn(colours, person, ground)
        where = person & ground.open
        there = colours[where]
        likely = ground.prior(self._hairy > _FEW)
        for kind, surface in enumerate((self._skin, self._hair, self._cloth)):
            plane = np.full(person.shape, -_NEVER, np.float32)
            if surface.known:
                plane[where] = surface.log_likelihood(there)
            likely[kind] += cv2.blur(plane, (3, 3))
        skin, hair, cloth = likely
        has_hair, has_cloth = (hair > skin) & (hair >= cloth) & where, (cloth > skin) & (cloth > hair) & where
        self._count(likely, where & ~ground.inside)
        out = np.full(person.shape, INDEX["skin"], np.uint8)
        out[~ground.inside & (ground.height < 0.12)] = INDEX["neck"]
        for name, ear in ground.ears.items():
            out[ear] = INDEX[name]
        out[has_cloth | has_hair] = INDEX["cloth"]
        out[_rooted(has_hair, ground.height > _ROOTS)] = INDEX["hair"]
        return out

    def _count(self, likely: np.ndarray, where: np.ndarray) -> None:
        """Keeps count of the pixels that were told, and of those where the best class (3, h, h) hardly wins."""
        best = likely.max(0)
        second = np.maximum(np.minimum(likely[0], likely[1]), np.minimum(np.maximum(likely[0], likely[1]), likely[2]))
        self._unsure += int(((best - second < _CLEAR) & where).sum())
        self._told += int(where.sum())

    def _learn(self, colours: np.ndarray, person: np.ndarray, ground: _Ground) -> None:
        self._skin.learn(ground.read(colours, self._parts.skin))
        around = colours[person & ground.around]
        if self._skin.known and len(around):
            other = around[self._skin.distance2(around, plain=True) > _UNLIKE_SKIN]
            self._hairy += 0.1 * (len(other) / len(around) - self._hairy)
            self._hair.learn(other)
        self._cloth.learn(colours[person & (ground.height < -0.45)])
        if self._skin.known and self._hair.known:
            beside = colours[person & ground.beside_neck]
            surfaces = ((self._skin, True), (self._hair, True))
            strange = np.all([s.distance2(beside, plain) > _STRANGE for s, plain in surfaces], axis=0)
            self._cloth.learn(beside[strange])


def _rooted(hair: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The parts of `hair` (h, h) bool that hang together with hair on the head: a dark coat does not."""
    count, number = cv2.connectedComponents(hair.astype(np.uint8))
    known = np.zeros(count, bool)
    known[number[head & hair]] = True
    return np.asarray(known[number] & hair)


class _Ground:
    """Where things can be in a small picture: height above the chin in face heights, the face's inside, what colours
    have to tell (`open`: outside, and the forehead for a fringe), ears, neck."""

    def __init__(self, points: np.ndarray, parts: HeadParts, side: int) -> None:
        self._points = points
        up = points[TOP] - points[CHIN]
        tall = max(float(np.linalg.norm(up)), 1e-6)
        up = up / tall
        across = np.array([-up[1], up[0]])
        at = np.arange(side) + 0.5
        self.height = ((at[:, None] - points[CHIN, 1]) * up[1] + (at - points[CHIN, 0]) * up[0]) / tall
        aside = np.abs((at[:, None] - points[BRIDGE, 1]) * across[1] + (at - points[BRIDGE, 0]) * across[0]) / tall
        places = parts.place(points)
        self.inside = self._region(points[list(OVAL)], side)
        self.open = ~self.inside | (self.height > 0.75)
        self.around = ~self.inside & (self.height > 0.6) & (aside < 0.55)
        self.ears = {n: self._region(hull(p), side) & ~self.inside for n, p in places.items() if n != "neck"}
        self._neck = self._region(hull(places["neck"]), side) if "neck" in places else np.zeros((side, side), bool)
        self.beside_neck = ~self._neck & (self.height < -0.2) & (self.height >= -0.45)

    @staticmethod
    def _region(outline: np.ndarray, side: int) -> np.ndarray:
        plane = np.zeros((side, side), np.uint8)
        fill(plane, outline, 1)
        return plane > 0

    def read(self, colours: np.ndarray, marks: np.ndarray) -> np.ndarray:
        """Colours (N, 3) under landmarks (N,)."""
        at = np.clip(self._points[marks].astype(int), 0, len(colours) - 1)
        return np.asarray(colours[at[:, 1], at[:, 0]])

    def prior(self, hairy: bool) -> np.ndarray:
        """Log-odds (3, h, h) of skin, hair and cloth before any colour is seen: none of cloth beside the face, of hair
        only a fringe in it, bare skin below the chin where the neck is."""
        odds = np.zeros((3, *self.height.shape), np.float32)
        low, neck = ~self.inside & (self.height < 0), self._neck
        odds[HAIR][self.inside] = -6.0
        odds[HAIR][~self.inside & (self.height > 0.9)] = 1.0
        odds[HAIR][low], odds[HAIR][low & neck] = -2.0, -5.0
        odds[CLOTH][low & (self.height < -0.35)] = 2.0
        odds[CLOTH][self.inside | (self.height > 0.1)] = -_NEVER
        odds[SKIN][low], odds[SKIN][low & neck] = -4.0, 2.0
        if not hairy:
            odds[HAIR] -= _NEVER
        return odds
