"""Typed errors of the whole platform. Each names the thing, the field and the cure; the command line prints
one line of it, the server a JSON body. Nothing here imports anything else of talkie."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TalkieError(Exception):
    """Base of every error a user can cause or cure. `cause` is a short, stable, machine-readable slug."""

    cause = "error"
    step: str | None = None
    """Where in the work it happened, where that was noted (`at_step`)."""
    exit_code = 2
    """What the command line ends with."""
    transient = False
    """Whether the same thing tried again a little later may well succeed: a busy server, a line that broke."""

    def __init__(self, message: str, *, where: str | None = None, cure: str | None = None):
        self.message, self.where, self.cure = message, where, cure
        super().__init__(message, where, cure)

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders inside Ray; the default would pass the keywords by position.
        state = {"step": self.step} if self.step else None
        return _rebuild, (type(self), self.message, self.where, self.cure), state

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}; {self.cure}" if self.cure else text


@contextmanager
def at_step(name: str) -> Iterator[None]:
    """Notes in an error that leaves the block at which step it happened, unless an inner block has."""
    try:
        yield
    except TalkieError as error:
        error.step = error.step or name
        raise


def _rebuild(kind: type[TalkieError], message: str, where: str | None, cure: str | None) -> TalkieError:
    return kind(message, where=where, cure=cure)


class UnreadableMedia(TalkieError):
    """A media file that no decoder can turn into frames or samples."""

    cause = "unreadable_media"


class EmptyFile(UnreadableMedia):
    """A file without a single byte."""

    cause = "empty_file"


class NotMedia(UnreadableMedia):
    """Bytes that are no known media container."""

    cause = "not_media"


class TruncatedMedia(UnreadableMedia):
    """A container that breaks off before its index or its first frame."""

    cause = "truncated_media"


class NoVideo(UnreadableMedia):
    """A file that holds sound only."""

    cause = "no_video"


class TooShort(UnreadableMedia):
    """A video of too few frames to be a clip."""

    cause = "too_short"


class TooLong(UnreadableMedia):
    """A source beyond a stated limit of length or size."""

    cause = "too_long"


class NoFace(TalkieError):
    """Footage in which no face could be tracked."""

    cause = "no_face"


class AlignmentFailed(TalkieError):
    """A transcript that no part of the sound could be aligned to."""

    cause = "alignment_failed"


class MissingField(TalkieError):
    """A clip that lacks a field somebody needs."""

    cause = "missing_field"


class CorruptShard(TalkieError):
    """A shard whose bytes differ from its commit record, or that is no tar."""

    cause = "corrupt_shard"


class NotADataset(TalkieError):
    """A folder without talkie shards."""

    cause = "not_a_dataset"


class SettingsConflict(TalkieError):
    """An output folder that belongs to a run with other settings."""

    cause = "settings_conflict"


class UnknownSystem(TalkieError):
    """A system name that no installed package registers."""

    cause = "unknown_system"


class UnknownModel(TalkieError):
    """A model that neither the registry nor the disk holds."""

    cause = "unknown_model"


class BadConfig(TalkieError):
    """A setting that is unknown or out of range."""

    cause = "bad_config"


class BadInput(TalkieError):
    """A path or argument that cannot be used."""

    cause = "bad_input"


class BadManifest(BadInput):
    """A table of footage with a row that cannot be taken."""

    cause = "bad_manifest"


class NotFootage(TalkieError):
    """A file of a data set that curation does not take: a single picture, a mesh sequence."""

    cause = "not_footage"


class PassedOver(TalkieError):
    """What the adapter of a data set passed over; the message begins with the adapter's reason."""

    cause = "passed_over"


class StorageError(TalkieError):
    """An address that cannot be read or written."""

    cause = "storage_error"


class ObjectNotFound(StorageError):
    """An address where nothing lies."""

    cause = "object_not_found"


class StorageDenied(StorageError):
    """An address that these credentials may not use: none, wrong, expired, or without the right."""

    cause = "storage_denied"


class StorageUnreachable(StorageError):
    """A store that does not answer, or breaks off, as often as it was asked."""

    cause = "storage_unreachable"


class ObjectChanged(StorageError):
    """An object that became another while it was being read."""

    cause = "object_changed"


class StorageConflict(StorageError):
    """An object that another writer has written, or a place that another writer holds."""

    cause = "storage_conflict"


class PortTaken(TalkieError):
    """A port that another process listens on."""

    cause = "port_taken"


class MissingExtra(TalkieError):
    """An optional dependency that is not installed."""

    cause = "missing_extra"


class CorruptCheckpoint(TalkieError):
    """A checkpoint whose bytes differ from its commit record."""

    cause = "corrupt_checkpoint"


class TooLarge(TalkieError):
    """An upload of more bytes than the service takes."""

    cause = "too_large"


class Unauthorized(TalkieError):
    """A request without a valid token."""

    cause = "unauthorized"


class Busy(TalkieError):
    """A service whose queue is full."""

    cause = "busy"


class NotReady(TalkieError):
    """A service, or one of its models, that does not answer (yet)."""

    cause = "not_ready"


class ModelFailed(TalkieError):
    """A model whose answer is no usable result."""

    cause = "model_failed"


class NotStreaming(TalkieError):
    """A live session asked of a method that must hear the whole window first."""

    cause = "not_streaming"


class TooFewIdentities(TalkieError):
    """A split with fewer people than the work needs."""

    cause = "too_few_identities"


class NonFiniteLoss(TalkieError):
    """A loss that became infinite or not a number in training."""

    cause = "non_finite_loss"


class RunFailed(TalkieError):
    """A training run whose workers died without a cause of their own."""

    cause = "run_failed"


class Preempted(TalkieError):
    """A run that was asked to end (SIGTERM) and has saved where it stands."""

    cause = "preempted"
    exit_code = 143


class CorruptModel(TalkieError):
    """A model folder whose files are missing or differ from their commit record."""

    cause = "corrupt_model"


class TrackingUnreachable(TalkieError):
    """A server of records (MLflow, or the database behind it) that does not answer as often as it was asked."""

    cause = "tracking_unreachable"
    transient = True


class TrackingRefused(TalkieError):
    """A server of records that answers and refuses: a wrong password, a database that is not there."""

    cause = "tracking_refused"


class PromotionRefused(TalkieError):
    """A model that may not take an alias; the message names every reason."""

    cause = "promotion_refused"


class TimedOut(TalkieError):
    """A request that waited or computed longer than the service allows."""

    cause = "timed_out"


class WorkerDied(TalkieError):
    """A source on which a worker process died, twice."""

    cause = "worker_died"


class OutOfMemory(TalkieError):
    """Work that needs more memory than its run may use."""

    cause = "out_of_memory"


class DiskFull(TalkieError):
    """A disk without room for what has to be written."""

    cause = "disk_full"


class InternalError(TalkieError):
    """A fault of the program itself in one piece of work; the message names the place."""

    cause = "internal_error"


DISK_FULL_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT))
"""Numbers of an OSError that mean DiskFull."""
