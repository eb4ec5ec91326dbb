"""What happens to a voice between the lips and the file: rooms, noise, microphones, channels, each with its truth.
Every function takes clean speech, keeps its length and its time, and returns a frozen record of what it did."""

from talkie.speech.acoustics.channel import PacketLoss, Telephone, lose_packets, telephone
from talkie.speech.acoustics.microphone import MICROPHONES, Microphone, MicrophoneTruth, microphone
from talkie.speech.acoustics.mixing import NoiseTruth, add_noise, mix
from talkie.speech.acoustics.noise import NOISES, noise
from talkie.speech.acoustics.room import Room, RoomTruth, reverberate, room_from_seed

__all__ = [
    "MICROPHONES",
    "NOISES",
    "Microphone",
    "MicrophoneTruth",
    "NoiseTruth",
    "PacketLoss",
    "Room",
    "RoomTruth",
    "Telephone",
    "add_noise",
    "lose_packets",
    "microphone",
    "mix",
    "noise",
    "reverberate",
    "room_from_seed",
    "telephone",
]
