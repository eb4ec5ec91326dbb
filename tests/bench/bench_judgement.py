"""How well each filter of curation catches the damage it is named after, on stage footage with known truth, and what
every score costs a frame. Near duplicates are `bench_duplicates`.

    OMP_NUM_THREADS=1 python tests/bench/bench_judgement.py [--footage FOLDER...] [--anew N] [--seed N]

Without --footage the preset `footage` is filmed (28 takes, minutes). --anew damages the pictures of that many
clean takes again in every way that needs no filming, for larger counts. A clip is one person in one shot; it counts as
damaged where the damage reaches it (a share of its frames, its face). Prints one JSON document; exit code 1 where a
target is missed. The thresholds were chosen on seeds 11, 13, 31, 77 and 101 to 103; figures are reported on others.
A shoot has 2 to 20 clips of a damage: `--rows FILE` gathers several before they are counted."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from talkie.clip import FPS, SAMPLES_PER_FRAME, Transcription
from talkie.curation.draft import Annotator, Draft, View
from talkie.curation.judgement.filters import FILTERS, Facts, judge_all
from talkie.curation.judgement.recipes import CurationRecipe, load_recipe, recipe_names
from talkie.curation.judgement.scores import SCORES
from talkie.curation.labels.sound.prosody import ProsodyAnnotator
from talkie.curation.labels.sound.sync import SyncAnnotator
from talkie.errors import AlignmentFailed
from talkie.faces import FaceTracker, Recipe, crop_frame, face_box, smooth_boxes, to_crop
from talkie.media import encode_mp4, read_audio, read_video
from talkie.speech.alignment import align, decode_phones
from talkie.stage.damage import DAMAGE, Material, inflict
from talkie.stage.footage import film_footage
from talkie.stage.shoot import load_shoot

TAKES = 28
TARGET = 0.9
TARGET_MS = 1.5
MARGIN = 16_000
CROP = Recipe()
LEAST_SHARE = 0.1
"""Share of a clip's frames, or of the face's bounds, that a damage must reach for the clip to be a damaged one."""
QUIET = 0.4
"""Share of the frames with sound under which a clip is no test of what is said."""
CLEAN_PICTURE = (None, "audio_offset", "dubbed", "noisy_sound", "clipped_sound")
HEARD = ("audio_offset", "dubbed", "noisy_sound", "clipped_sound")
SCORE_NAMES = {name for kind in SCORES.values() for name in kind.scores}
PAINTED = ("exposure", "blur", "noise", "compression", "upscaling", "subtitles", "frozen", "repeated")
SAME_EFFECT = {
    "upscaling": {"blur", "compression"},
    "blur": {"upscaling"},
    "dubbed": {"audio_offset", "noisy_sound", "frozen", "repeated", "blur", "subtitles", "occluding_hand"},
}
"""Other damages that leave what the filter is for: no fine detail; sound and lips that do
not belong together, or cannot be compared because one of them is hidden."""


@dataclass
class Take:
    """A file of footage with its truth; audio (N,) at 16 kHz."""

    name: str
    truth: dict[str, Any]
    frames: list[np.ndarray]
    audio: np.ndarray | None


@dataclass
class Filmed:
    """One person in one shot: the take, frames `start` to `end`, and which shot and person of the truth."""

    take: Take
    start: int
    end: int
    shot: int
    person: int


def takes(folders: list[Path]) -> Iterator[Take]:
    for folder in folders:
        for truth in sorted(folder.rglob("*.truth.json")):
            path = truth.with_name(truth.name.replace(".truth.json", ".mp4"))
            frames = [frame for _, _, frame in read_video(path, FPS)]
            yield Take(f"{folder.name}/{path.stem}", json.loads(truth.read_text()), frames, read_audio(path))


def film(folder: Path, seed: int) -> None:
    """The preset's takes as files; a folder that has them already is left alone."""
    shoot = load_shoot("footage", seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(TAKES):
        for name, data in film_footage(shoot, TAKES, number, f"take-{number:05d}")[0].items():
            (folder / name).write_bytes(data)


def damaged_anew(take: Take, folder: Path, seed: int, seconds: float = 2.4) -> Iterator[Take]:
    """The first shot of a take whose picture is clean, in every way that can be painted."""
    shot = take.truth["shots"][0]
    count = min(round(seconds * FPS), shot["end_frame"])
    speaker = shot["people"][0]
    for number, damage in enumerate(PAINTED):
        rng = np.random.default_rng((seed, int(take.name.rsplit("-", 1)[-1]), number))
        box = np.tile(np.array(speaker["box_px"]), (count, 1))
        audio = np.zeros(count * SAMPLES_PER_FRAME, np.float32)
        clean = Material(np.stack(take.frames[:count]), audio, box, audio, speaker["text"])
        spoilt = inflict(damage, clean, rng)
        path = folder / f"{damage}.mp4"
        path.write_bytes(encode_mp4(spoilt.frames, FPS, crf=spoilt.crf))
        truth = {**spoilt.truth, "frames": count, "shots": [{**shot, "end_frame": count}]}
        yield Take(f"{take.name}-{damage}", truth, [frame for _, _, frame in read_video(path, FPS)], None)


def shown(truth: dict[str, Any]) -> np.ndarray:
    """Which filmed frame each frame of the file shows."""
    index = np.arange(truth["frames"])
    if truth["damage"] == "frozen":
        start, end = round(truth["start_s"] * FPS), round(truth["end_s"] * FPS)
        index[start:end] = start
    if truth["damage"] == "repeated":
        index %= round(truth["period_s"] * FPS)
    return index


def clips(take: Take) -> Iterator[Filmed]:
    """Every person in every shot that lasts a second in the file."""
    shot_of = np.zeros(take.truth["frames"], int)
    for number, shot in enumerate(take.truth["shots"]):
        shot_of[shot["start_frame"] : shot["end_frame"]] = number
    seen = shot_of[shown(take.truth)]
    cuts = [0, *(np.flatnonzero(np.diff(seen)) + 1), len(seen)]
    for start, end in itertools.pairwise(cuts):
        if end - start >= FPS:
            for person in range(len(take.truth["shots"][seen[start]]["people"])):
                yield Filmed(take, int(start), int(end), int(seen[start]), person)


def track(clip: Filmed) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (T, 478, 3) of the source and seen (T,), from the part of the frame where the person is."""
    people = clip.take.truth["shots"][clip.shot]["people"]
    centres = [(p["box_px"][0] + p["box_px"][2]) / 2 for p in people]
    here, width = centres[clip.person], clip.take.frames[0].shape[1]
    low = int(max([0, *((here + x) / 2 for x in centres if x < here)]))
    high = int(min([width, *((here + x) / 2 for x in centres if x > here)]))
    points, seen = [], []
    with FaceTracker() as tracker:
        for frame in clip.take.frames[clip.start : clip.end]:
            found = tracker.track(frame[:, low:high])
            seen.append(found is not None)
            points.append(np.zeros((478, 3), np.float32) if found is None else found + np.float32([low, 0, 0]))
    at, known = np.arange(len(points)), np.array(seen)
    flat = np.stack(points).reshape(len(points), -1)
    if known.any():
        flat = np.stack([np.interp(at, at[known], column[known]) for column in flat.T], 1)
    return flat.reshape(-1, 478, 3).astype(np.float32), known


def draft_of(clip: Filmed, points: np.ndarray, seen: np.ndarray, boxes: np.ndarray) -> Draft:
    audio, first, last = clip.take.audio, clip.start * SAMPLES_PER_FRAME, clip.end * SAMPLES_PER_FRAME
    wide = None
    if audio is not None:
        padded = np.concatenate([np.zeros(MARGIN), audio, np.zeros(MARGIN + SAMPLES_PER_FRAME * FPS)])
        wide = padded[first : last + 2 * MARGIN].astype(np.float32)
    return Draft(
        track=clip.person,
        size=CROP.size,
        landmarks=to_crop(points, boxes, CROP.size),
        boxes=boxes,
        seen=seen,
        shape=clip.take.frames[0].shape[:2],
        audio=None if wide is None else wide[MARGIN:-MARGIN],
        wide_audio=wide,
        margin=MARGIN,
        transcription=None if wide is None else phones_of(wide[MARGIN:-MARGIN], clip),
    )


def phones_of(audio: np.ndarray, clip: Filmed) -> Transcription:
    """Where the phones of the shot's transcript are heard, as curation lays them; guessed where they cannot be."""
    text = next((p["text"] for p in clip.take.truth["shots"][clip.shot]["people"] if p["speaks"]), "")
    try:
        return align(audio, text)
    except AlignmentFailed:
        return decode_phones(audio)


def scored(clip: Filmed, annotators: list[Annotator], spent: dict[str, float]) -> tuple[dict[str, float], Draft | None]:
    """The scores of a clip, and its draft; seconds spent by each annotator are added to `spent`."""
    points, seen = track(clip)
    if not seen.any():
        return {}, None
    boxes = smooth_boxes(face_box(points, CROP), CROP, FPS).round(3)
    draft = draft_of(clip, points, seen, boxes)
    watchers = [(a, a.start()) for a in annotators]
    for index, frame in enumerate(clip.take.frames[clip.start : clip.end]):
        crop = crop_frame(frame, boxes[index], CROP.size)
        view = View(index, crop, frame, draft.landmarks[index], boxes[index], bool(seen[index]))
        for annotator, watcher in watchers:
            start = time.process_time()
            watcher.see(view)
            spent[annotator.name] += time.process_time() - start
    person = clip.take.truth["shots"][clip.shot]["people"][clip.person]
    # Who speaks is measured by another room; here its truth stands in.
    scores = {"speaking": float(person["speaks"])}
    for annotator, watcher in watchers:
        start = time.process_time()
        found = watcher.finish(draft)
        spent[annotator.name] += time.process_time() - start
        scores |= found.scores
    return scores, draft


def sounding_anew(
    clip: Filmed, draft: Draft, scores: dict[str, float], foreign: np.ndarray, seed: int
) -> Iterator[tuple[str, dict[str, float]]]:
    """A clip's scores after every damage that is done to sound alone; foreign: another person's speech."""
    assert draft.audio is not None
    for number, damage in enumerate(HEARD):
        rng = np.random.default_rng((seed, int(clip.take.name.rsplit("-", 1)[-1]), clip.start, number))
        none = np.zeros((1, 2, 2, 3), np.uint8)
        audio = inflict(damage, Material(none, draft.audio, np.zeros((1, 4)), foreign, ""), rng).audio
        phones = phones_of(audio, clip)
        spoilt = replace(draft, audio=audio, wide_audio=np.pad(audio, MARGIN), transcription=phones)
        fresh = {k: v for k, v in scores.items() if k in SCORE_NAMES or k == "speaking"}
        for annotator in (ProsodyAnnotator(), SyncAnnotator()):
            fresh |= annotator.start().finish(spoilt).scores
        yield damage, fresh


def damage_of(clip: Filmed) -> str | None:
    """The damage as far as it reaches this clip; "partly" where it reaches it by less than counts."""
    truth, damage = clip.take.truth, clip.take.truth["damage"]
    if damage in ("frozen", "repeated"):
        again = np.diff(shown(truth)[clip.start : clip.end], prepend=-1)
        share = float((again == 0).mean()) if damage == "frozen" else float(clip.end - clip.start > FPS)
        return damage if share > LEAST_SHARE else "partly" if share else None
    if damage == "subtitles":
        x0, y0, x1, y1 = truth["shots"][clip.shot]["people"][clip.person]["box_px"]
        a0, b0, a1, b1 = truth["box_px"]
        covered = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0)) / ((x1 - x0) * (y1 - y0))
        return damage if covered > LEAST_SHARE else "partly" if covered else None
    if damage == "occluding_hand":
        if clip.shot:
            return None
        return damage if clip.person == 0 else "partly"
    if damage in ("audio_offset", "dubbed"):
        speaks = truth["shots"][clip.shot]["people"][clip.person]["speaks"]
        return damage if speaks and heard(clip) > QUIET else "partly"
    return damage


def heard(clip: Filmed) -> float:
    """Share of the clip's frames in which there is any sound: foreign speech may end before the picture does."""
    if clip.take.audio is None:
        return 0.0
    part = clip.take.audio[clip.start * SAMPLES_PER_FRAME : clip.end * SAMPLES_PER_FRAME]
    whole = part[: len(part) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
    return float((np.sqrt((whole**2).mean(1)) > 10 ** (-50 / 20)).mean()) if len(whole) else 0.0


def confusion(name: str, judged: list[tuple[str | None, set[str], set[str]]]) -> dict[str, Any]:
    """Precision and recall of the filter over (damage, reasons, not known); clips that a damage reaches partly, and
    those whose score is not known, count for neither."""
    flags = [
        (damage, name in reasons) for damage, reasons, unknown in judged if damage != "partly" and name not in unknown
    ]
    caught = [flag for damage, flag in flags if damage == name]
    flagged = [damage for damage, flag in flags if flag]
    right = [damage == name or damage in SAME_EFFECT.get(name, ()) for damage in flagged]
    others = sorted({str(damage) for damage, good in zip(flagged, right, strict=True) if not good})
    return {
        "damaged": len(caught),
        "caught": sum(caught),
        "flagged": len(flagged),
        "of the same effect": sum(d != name and good for d, good in zip(flagged, right, strict=True)),
        "recall": round(sum(caught) / len(caught), 3) if caught else None,
        "precision": round(sum(right) / len(right), 3) if right else None,
        "flagged wrongly": others,
        "unknown": sum(name in unknown for _, _, unknown in judged),
    }


@dataclass(frozen=True)
class Row:
    """What was measured of one clip: take, damage as far as it reaches it, frames, scores, CPU seconds by annotator."""

    take: str
    damage: str | None
    frames: int
    scores: dict[str, float]
    spent: dict[str, float]


def measure(folders: list[Path], seed: int, anew: int, done: list[Row]) -> Iterator[list[Row]]:
    """The rows of each take that is not among the rows `done`."""
    annotators = [*(kind() for kind in SCORES.values()), ProsodyAnnotator(), SyncAnnotator()]
    known = {row.take for row in done}
    voice = np.zeros(0, np.float32)
    with tempfile.TemporaryDirectory(prefix="talkie-judgement-") as scratch:
        for take in takes(folders):
            again = anew > 0 and take.truth["damage"] in CLEAN_PICTURE
            anew -= again
            for shown_take in itertools.chain([take], damaged_anew(take, Path(scratch), seed) if again else ()):
                if shown_take.name in known:
                    continue
                rows = []
                for clip in clips(shown_take):
                    spent: dict[str, float] = defaultdict(float)
                    scores, draft = scored(clip, annotators, spent)
                    damage, frames = damage_of(clip), clip.end - clip.start
                    rows.append(Row(shown_take.name, damage, frames, scores, dict(spent)))
                    if damage is None and draft is not None and draft.audio is not None and scores["speaking"]:
                        if len(voice):
                            anew_heard = sounding_anew(clip, draft, scores, voice, seed)
                            rows += [Row(shown_take.name, damage, frames, heard, {}) for damage, heard in anew_heard]
                        voice = draft.audio
                yield rows


def read_rows(path: Path) -> list[Row]:
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def summary(rows: list[Row]) -> dict[str, Any]:
    filters = {name: FILTERS[name]() for name in DAMAGE}
    judged, seen = [], []
    for row in rows:
        reasons = [f.judge(row.scores, Facts(seconds=row.frames / FPS)) for f in filters.values()]
        told = [r for r in reasons if r is not None]
        judged.append((row.damage, {r.name for r in told if not r.unknown}, {r.name for r in told if r.unknown}))
        if row.spent:
            # Where only the sound was damaged anew, the picture is one that was judged before.
            seen.append(judged[-1])
    frames = sum(row.frames for row in rows)
    spent: dict[str, float] = defaultdict(float)
    for row in rows:
        for name, seconds in row.spent.items():
            spent[name] += seconds
    return {
        "clips": len(rows),
        "frames": frames,
        "filters": {name: confusion(name, judged if name in HEARD else seen) for name in filters},
        "dropped by recipe": {name: dropped(load_recipe(name), rows) for name in recipe_names()},
        "ms_per_frame": {name: round(1e3 * seconds / max(frames, 1), 3) for name, seconds in spent.items()},
    }


def dropped(recipe: CurationRecipe, rows: list[Row]) -> dict[str, str]:
    """Clips of each damage that a recipe drops, of how many, and of clean ones those of listeners apart; for what is
    measured here alone: neither for the length nor the size of the stage's small pictures."""
    judges = [judge for judge in recipe.judges() if judge.name not in ("face_size", "length")]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        reasons = judge_all(tuple(judges), row.scores, Facts(seconds=row.frames / FPS))
        kind = row.damage or ("clean, speaking" if row.scores.get("speaking") else "clean, listening")
        counts[kind][0] += any(not reason.unknown for reason in reasons)
        counts[kind][1] += 1
    return {damage: f"{lost}/{whole}" for damage, (lost, whole) in sorted(counts.items())}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, nargs="*", help="folders of filmed footage with truth files")
    parser.add_argument("--anew", type=int, default=4, help="clean takes whose pictures are damaged again")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--rows", type=Path, help="file that scores are added to; takes in it are not measured again")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talkie-footage-") as home:
        folders = args.footage
        if not folders:
            film(Path(home), args.seed)
            folders = [Path(home)]
        rows = [] if args.rows is None or not args.rows.exists() else read_rows(args.rows)
        for found in measure(folders, args.seed, args.anew, rows[:]):
            rows += found
            if args.rows is not None:
                with args.rows.open("a") as file:
                    file.write("".join(json.dumps(asdict(row)) + "\n" for row in found))
    result = summary(rows)
    of_picture = sum(result["ms_per_frame"][name] for name in SCORES)
    known = {n: f for n, f in result["filters"].items() if f["recall"] is not None}
    passed = {
        **{n: f["recall"] >= TARGET and (f["precision"] or 0) >= TARGET for n, f in known.items()},
        "ms_per_frame": of_picture < TARGET_MS,
    }
    result |= {
        "ms_per_frame_together": round(of_picture, 3),
        "targets": {"precision and recall": TARGET, "ms_per_frame": TARGET_MS},
        "not measured": sorted(set(result["filters"]) - set(known)),
        "pass": passed,
    }
    print(json.dumps(result, indent=2))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
