"""Fake trees of the mesh and multi-view sets, with the names of their official layouts; one file of each is broken."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from fake_media import FakeMedia, write
from fake_trees import FakeTree, Told, builder

FLAME_VERTICES, BIWI_VERTICES = 5023, 23_370


def _meshes(place: Path, vertices: int, frames: int = 2) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    np.save(place, np.zeros((frames, 3 * vertices), np.float32))
    return place


def _cut(place: Path) -> None:
    place.write_bytes(place.read_bytes()[:-100])


@builder
def vocaset(root: Path, media: FakeMedia, n: int) -> FakeTree:
    people = ("FaceTalk_170725_00137_TA", "FaceTalk_170731_00024_TA", "FaceTalk_170811_03275_TA")
    told = []
    for i in range(n):
        person, split = people[i % 3], ("train", "test", "val")[i % 3]
        _meshes(root / "vertices_npy" / f"{person}_sentence21.npy", FLAME_VERTICES)
        media.put("sound.wav", root / "wav" / f"{person}_sentence21.wav")
        told.append(Told(f"{person}__sentence21", person, split, {"topology": "FLAME"}))
    _cut(_meshes(root / "vertices_npy" / "FaceTalk_170913_03279_TA_sentence01.npy", FLAME_VERTICES))
    return FakeTree(told, ["broken"])


def vocaset_as_released(root: Path) -> None:
    """The authors' arrays: one memory map of three sentences of two frames, and pickled indices into it."""
    root.mkdir(parents=True, exist_ok=True)
    np.save(root / "data_verts.npy", np.zeros((6, FLAME_VERTICES, 3), np.float32))
    index = {
        "FaceTalk_170725_00137_TA": {"sentence01": {0: 0, 1: 1}, "sentence02": {0: 2, 1: 3}},
        "FaceTalk_170809_00138_TA": {"sentence01": {0: 5, 1: 6}},
    }
    write(root / "subj_seq_to_idx.pkl", pickle.dumps(index, protocol=2))
    write(root / "templates.pkl", pickle.dumps({}))


@builder
def biwi(root: Path, media: FakeMedia, n: int) -> FakeTree:
    takes = [("F2_e01", "train", None), ("F1_e37", "test", "B"), ("M3_e40", "test", "A")]
    told = []
    for name, split, test_set in takes[:n]:
        _meshes(root / "vertices_npy" / f"{name}.npy", BIWI_VERTICES, 1)
        media.put("sound.wav", root / "wav" / f"{name}.wav")
        labels = {"take": "emotional"} | ({"test_set": test_set} if test_set else {})
        told.append(Told(name, name[:2], split, labels))
    _meshes(root / "vertices_npy" / "F1_e36.npy", BIWI_VERTICES, 1)  # a test person's sentence that no list holds
    _cut(_meshes(root / "vertices_npy" / "M6_e40.npy", BIWI_VERTICES, 1))
    told.sort(key=lambda t: t.key)
    return FakeTree(told, ["not_in_protocol", "broken"], {"split": "codetalker"})


@builder
def multiface(root: Path, media: FakeMedia, n: int) -> FakeTree:
    """n - 1 whole sequences (one where n is 2), and one with a hole whose two halves are one record and one more."""
    told, reasons = [], []
    for i in range(n - 1):
        person = root / f"m--20180227--0000--{6795937 + i}--GHS"
        name = "SEN_a_good_morrow_to_you_my_boy"
        numbers = [102, 105, 108, 111, 114]
        lost = {108} if i == n - 2 else set()
        write(person / "frame_list.txt", "".join(f"{name} {number:06d}\n" for number in numbers))
        write(person / "KRT", "400002\n")
        media.put("sound.wav", person / "audio" / f"{name}.wav")
        for number in set(numbers) - lost:
            write(person / "tracked_mesh" / name / f"{number:06d}.bin", b"\0" * 12)
            write(person / "tracked_mesh" / name / f"{number:06d}_transform.txt", "1 0 0 0\n")
        starts = [102, 111] if lost else [102]
        reasons += ["missing_frames"] if lost else []
        for start in starts:
            told.append(Told(f"{person.name}__{name}__{start:06d}", str(6795937 + i), None, {"segment": name}))
    write(person / "tracked_mesh" / "SEN_youre_boiling_milk_aint_you" / "000200.bin", b"")
    return FakeTree(told, [*reasons, "broken", "missing_frames"])


@builder
def nersemble(root: Path, media: FakeMedia, n: int) -> FakeTree:
    """Person 018 as in v1 (pictures by frame), person 030 as in v2 (a video by camera)."""
    cameras = json.dumps({"world_2_cam": {"222200037": [[1, 0, 0, 0]]}, "intrinsics": [[1, 0, 0]]})
    told = []
    write(root / "018" / "camera_params.json", cameras)
    sequence = root / "018" / "sequences" / "EMO-1-shout+laugh"
    for serial, count in (("222200037", 3), ("222200038", 2)):  # the second camera lost its last frame
        for frame in range(count):
            media.put("face.png", sequence / f"frame_{frame:05d}" / "images-2x" / f"cam_{serial}.png")
            media.put("face.png", sequence / f"frame_{frame:05d}" / "alpha_map" / f"cam_{serial}.png")
    labels = {"sequence": "EMO-1-shout+laugh", "camera_use": "train", "release": "v1"}
    told.append(Told("018__EMO-1-shout+laugh__cam_222200037", "018", None, labels))
    write(root / "030" / "calibration" / "camera_params.json", cameras)
    write(root / "030" / "calibration" / "color_calibration.json", "{}")
    folder = root / "030" / "sequences"
    media.put("face.jpg", folder / "BACKGROUND" / "image_222200040.jpg")
    for i in range(n - 1):
        serial = ("222200040", "222200041")[i % 2]
        name = f"SEN-0{4 + i // 2}-two_plus_seven"
        media.put("silent.mp4", folder / name / "images" / f"cam_{serial}.mp4")
        use = "held_out" if serial == "222200040" else "train"
        told.append(Told(f"030__{name}__cam_{serial}", "030", None, {"camera_use": use, "release": "v2"}))
    media.broken(folder / "SEN-10-port_strong_smokey" / "images" / "cam_222200044.mp4")
    return FakeTree(told, ["missing_frames", "broken"])
