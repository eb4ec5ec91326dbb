"""What a take is measured with besides its cameras: one file a sensor, each a function of the posed truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from talkie.media import encode_flac
from talkie.shards import encode_field
from talkie.stage.sections import SensorName
from talkie.stage.sensors.pictures import Depth, Mask, Matte, Normals, Recorder

if TYPE_CHECKING:
    from talkie.render import SceneRenderer
    from talkie.stage.shoot import Shoot
    from talkie.stage.take import Take


def recorders(names: Sequence[SensorName], take: Take, scene: SceneRenderer) -> list[Recorder]:
    """The sensors among `names` that see frames, in the order of `names`."""
    from talkie.stage.sensors.flow import FlowToNext
    from talkie.stage.sensors.hands import Hands
    from talkie.stage.sensors.pose import Pose
    from talkie.stage.sensors.regions import classes_of

    makers: dict[SensorName, Callable[[], Recorder]] = {
        "depth": Depth,
        "normals": Normals,
        "matte": Matte,
        "flow": FlowToNext,
        "pose": lambda: Pose(take),
        "hands": lambda: Hands(take),
        "mask": lambda: Mask(classes_of(scene, take.model)),
    }
    return [makers[name]() for name in names if name in makers]


_ENDINGS: dict[SensorName, str] = {"captions": "json", "clean": "flac"}


def signals(shoot: Shoot, take: Take) -> dict[str, bytes]:
    """Members of the sensors that see the posed truth, or hear the clean voice, and not its picture."""
    from talkie.stage.sensors.contact import contact_signals
    from talkie.stage.sensors.face import action_unit_signals, caption_signals, gaze_signals
    from talkie.stage.sensors.imu import record_imu
    from talkie.stage.sensors.scan import record_scan
    from talkie.stage.sound import prosody

    def generator(salt: int) -> np.random.Generator:
        return np.random.default_rng((shoot.seed, take.number, salt))

    centres = np.stack([camera.centre()[0] for camera in take.cameras])
    makers = {
        "gaze": lambda: gaze_signals(take),
        "action_units": lambda: action_unit_signals(take),
        "captions": lambda: caption_signals(take, generator(0xCA9)),
        "contact": lambda: contact_signals(take),
        "imu": lambda: record_imu(take.model, take.vertices, generator(0x1A0)),
        "scan": lambda: record_scan(take.model, take.vertices, centres, generator(0x5CA)),
        "prosody": lambda: prosody(take.performance.audio),
        "clean": lambda: encode_flac(take.performance.audio),
    }
    out = {}
    for name in shoot.sensors:
        if name in makers:
            member = f"{name}.{_ENDINGS.get(name, 'npz')}"
            out[member] = encode_field(member, makers[name]())
    return out
