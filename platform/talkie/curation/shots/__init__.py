"""Where one shot ends and the next begins: frames pass through and come out numbered; who is in them is not here."""

from talkie.curation.shots.settings import ShotSettings
from talkie.curation.shots.stream import WIDE, ShotFrame, shots

__all__ = ["WIDE", "ShotFrame", "ShotSettings", "shots"]
