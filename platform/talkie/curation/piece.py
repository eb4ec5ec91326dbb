"""One stretch of a source from frames to clips, each frame decoded once: shots, people, crops, labels, verdicts.

Sources are opened in `opened`; whose turn it is, and on which machine, is the engine's affair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from talkie.clip import FPS
from talkie.curation.config import CurateConfig
from talkie.curation.draft import Annotator, Watcher
from talkie.curation.facts import known_of
from talkie.curation.finish import Annotated, Finisher, Origin
from talkie.curation.hearing import Hearing, hear
from talkie.curation.judgement.filters import Filter
from talkie.curation.opened import Opened
from talkie.curation.outcome import Outcome, spans
from talkie.curation.record import SourceRecord
from talkie.curation.recorder import Recorder, Take
from talkie.curation.scenes import Coverage, scenes
from talkie.curation.shots import shots
from talkie.curation.windows import Window, record_of, windows
from talkie.curation.work import Entry, Work, explain, judge
from talkie.faces import PeopleTracker
from talkie.media import DecodeStats, read_video


class PieceMaker:
    """Makes the clips of stretches. Holds the tools that all of them share."""

    def __init__(
        self, config: CurateConfig, finisher: Finisher, annotators: Sequence[Annotator], filters: Sequence[Filter]
    ) -> None:
        self._config, self._finisher = config, finisher
        self._annotators, self._filters = annotators, tuple(filters)

    def make(self, opened: Opened, entry: Entry, start_s: float = 0.0, end_s: float | None = None) -> Outcome:
        """The outcome of [start_s, end_s) seconds, without a closing line."""
        work = Work(opened, entry)
        stats, coverage = DecodeStats(), Coverage()
        found = windows(opened.source.records)
        hearing = self._hear(work, start_s, end_s)
        stream = shots(self._frames(work, found, start_s, end_s, stats), self._config.shots)
        with PeopleTracker(self._config.min_confidence) as tracker:
            for window, scene in scenes(stream, found, self._config.max_frames, coverage):
                takes = self._film(scene, tracker, coverage)
                self._finish(takes, window, work, hearing)
        self._explain(coverage, work)
        return Outcome(
            work.clips,
            work.in_order(),
            coverage.frames / FPS,
            len(coverage.lost) + len(coverage.transitions),
            stats.decoded,
            stats.needed,
            work.encodes,
        )

    def _frames(
        self, work: Work, found: Sequence[Window], start_s: float, end_s: float | None, stats: DecodeStats
    ) -> Iterator[tuple[int, float, np.ndarray]]:
        """The frames from the first window's beginning to the last one's end, as far as they lie in the piece."""
        ends = [end for end in (end_s, None if found[-1].last is None else found[-1].last / FPS) if end is not None]
        return read_video(
            work.opened.source.path,
            start_s=max(start_s, found[0].first / FPS),
            end_s=min(ends, default=None),
            info=work.opened.info.video,
            max_seconds=self._config.max_source_s,
            on_damage=work.note_damage,
            stats=stats,
        )

    def _hear(self, work: Work, start_s: float, end_s: float | None) -> Hearing:
        opened = work.opened
        return hear(
            opened.sound.path,
            start_s,
            end_s,
            margin_s=self._config.sync_search_s,
            origin="own" if opened.sound is opened.info else "sidecar",
            words=opened.words,
            info=opened.sound,
            max_seconds=self._config.max_source_s,
            on_damage=work.note_damage,
        )

    def _film(self, scene: Iterator[tuple[int, np.ndarray]], tracker: PeopleTracker, coverage: Coverage) -> list[Take]:
        """Everybody's takes of a scene, by track and time."""
        tracker.begin_shot()
        recorders: dict[int, Recorder] = {}
        empty: list[int] = []
        for index, frame in scene:
            faces = {face.track: face.landmarks for face in tracker.track(frame) if face.seen}
            for track in faces.keys() - recorders.keys():
                recorders[track] = Recorder(track, self._config, self._watchers)
            for track, recorder in recorders.items():
                recorder.see(index, frame, faces.get(track))
            if not faces:
                empty.append(index)
        for recorder in recorders.values():
            recorder.close()
        takes = [take for track in sorted(recorders) for take in recorders[track].takes]
        bridged = {index for take in takes for index in take.indices}
        coverage.lost += [index for index in empty if index not in bridged]
        return takes

    def _watchers(self) -> list[Watcher]:
        return [annotator.start() for annotator in self._annotators]

    def _finish(self, takes: list[Take], window: Window, work: Work, hearing: Hearing) -> None:
        """Clips, or reasons, for the takes of one scene."""
        config, source = self._config, work.opened.source
        origin = Origin(source.uri, source.name, work.opened.sha256, hearing, work.damaged)
        long = [take for take in takes if len(take) >= config.min_frames]
        for take in takes:
            if len(take) < config.min_frames:
                seconds = len(take) / FPS
                message = f"a face for {seconds:.2f} s, a clip needs {config.min_clip_s:g} s"
                work.drop(*_span(take), "short_stretch", message, "track")
        spoken_of: list[tuple[Annotated, int]] = []
        for take in long:
            number = record_of(source.records, window, np.stack(take.landmarks), take.shape)
            if number is None:
                work.drop(
                    *_span(take), "not_meant", "a person outside of all boxes that came with the footage", "track"
                )
                continue
            work.encodes += 1
            known = known_of(source.records[number], work.opened.sha256, take.track, meant=True)
            spoken_of.append((self._finisher.annotate(take, long, origin, known, number), number))
        chosen = meant([done for done, _ in spoken_of], [number for _, number in spoken_of], source.records)
        for (done, number), is_meant in zip(spoken_of, chosen, strict=True):
            known = known_of(source.records[number], work.opened.sha256, done.take.track, meant=is_meant)
            judge(self._finisher.clip(done, origin, known), self._filters, work)

    def _explain(self, coverage: Coverage, work: Work) -> None:
        """Lines for what is in no take: frames without a face, and transitions between shots; and for words that did
        not fit the sound."""
        for first, last in spans(coverage.lost):
            message = f"no face for {(last - first) / FPS:.2f} s"
            work.drop(first, last, "no_face", message, "track")
        explain(coverage, work)


def _span(take: Take) -> tuple[int, int]:
    return take.indices[0], take.indices[-1] + 1


def meant(done: Sequence[Annotated], numbers: Sequence[int], records: Sequence[SourceRecord]) -> list[bool]:
    """Whom of a scene the records speak of. A record with a box speaks of whoever is in it; one without speaks of one
    person: the one who speaks most of the time, where it can be told, else the one with the largest face."""
    result = [True] * len(done)
    for number in set(numbers):
        people = [k for k, n in enumerate(numbers) if n == number]
        tracks = {done[k].take.track for k in people}
        if records[number].box is not None or len(tracks) < 2:
            continue
        main = max(sorted(tracks), key=lambda track: _weight([done[k] for k in people if done[k].take.track == track]))
        for k in people:
            result[k] = done[k].take.track == main
    return result


def _weight(takes: list[Annotated]) -> tuple[float, float]:
    """Frames in which a person is held to speak, and the mean side of the face's box."""
    speaking = sum(len(a.take) * a.scores.get("speaking", 0.0) for a in takes if a.scores.get("speaking", 0.0) > 0.3)
    return speaking, float(np.mean([np.mean([box[2] for box in a.take.boxes]) for a in takes]))
