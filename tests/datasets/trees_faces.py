"""Fake trees of the recognition, spoofing and body sets, with the names of their official layouts; one file broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fake_media import FakeMedia, write
from fake_trees import FakeTree, Told, builder


@builder
def raf_db(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told, lines = [], []
    names = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    for i in range(n):
        part = "test" if i == n - 1 else "train"
        name = f"{part}_{i + 1:05d}"
        lines.append(f"{name}.jpg {i % 7 + 1}")
        media.put("face.jpg", root / "basic" / "Image" / "aligned" / f"{name}_aligned.jpg")
        told.append(Told(name, None, part, {"emotion": names[i % 7]}))
    write(root / "basic" / "Image" / "aligned" / "test_09999_aligned.jpg")
    lines += ["test_09999.jpg 1", "test_10000.jpg 8", "nonsense"]
    write(root / "basic" / "EmoLabel" / "list_patition_label.txt", "\n".join(lines) + "\n")
    return FakeTree(told, ["broken", "unknown_label", "bad_row"])


@builder
def affectnet(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    names = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
    for i in range(n + 2):
        part, split = ("train_set", "train") if i < n - 1 else ("val_set", "test")
        folder = root / part
        if i == n:
            write(folder / "images" / f"{i}.jpg", "no picture")
        else:
            media.put("face.jpg", folder / "images" / f"{i}.jpg")
        # The number 8 ("none") exists in the older release only.
        emotion = "8" if i == n + 1 else str(i % 8)
        (folder / "annotations").mkdir(parents=True, exist_ok=True)
        for name, value in (("exp", emotion), ("val", "-0.25"), ("aro", "0.5")):
            np.save(folder / "annotations" / f"{i}_{name}.npy", np.array(value))
        if i < n:
            told.append(Told(f"{part}__{i}", None, split, {"emotion": names[i % 8], "valence": "-0.25"}))
    return FakeTree(told, ["broken", "unknown_label"])


@builder
def dfew(root: Path, media: FakeMedia, n: int) -> FakeTree:
    names = ["happy", "sad", "neutral", "angry", "surprise", "disgust", "fear"]
    rows: dict[str, list[str]] = {"train": [], "test": []}
    told = []
    for i in range(n + 1):
        part = "train" if i < n - 1 else "test"
        rows[part].append(f"{i + 1},{i % 7 + 1}")
        clip = f"{i + 1:05d}"
        holes = [1, 2, 5] if i == n else range(1, 4)
        media.frames(root / "Clip" / "clip_224x224" / clip, holes, clip + "_{:05d}.jpg")
        if i < n:
            told.append(Told(clip, None, part, {"emotion": names[i % 7], "fold": "fold2"}))
    for part, lines in rows.items():
        place = root / "EmoLabel_DataSplit" / f"{part}(single)" / f"single_{part}set_2.csv"
        write(place, "video_name,label\n" + "\n".join(lines) + "\n")
    return FakeTree(told, ["missing_frames"], {"fold": 2})


@builder
def oulu_npu(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    lists: dict[str, list[str]] = {"Train": [], "Dev": [], "Test": []}
    people = {"Train": ("01", "train"), "Dev": ("21", "val"), "Test": ("36", "test")}
    for i in range(n):
        part = list(lists)[i % 3]
        person, split = people[part]
        access = (1, 2, 5)[i % 3]
        name = f"{i % 6 + 1}_1_{person}_{access}"
        media.put("clip.avi", root / f"{part}_files" / f"{name}.avi")
        write(root / f"{part}_files" / f"{name}.txt", "0,12,30,40,30\n")
        lists[part].append(f"{'+1' if access == 1 else '-1'},{name}")
        labels = {"spoof": "genuine" if access == 1 else "attack", "device": f"phone_{i % 6 + 1}"}
        attack = {2: "print", 5: "replay"}.get(access)
        told.append(Told(f"{part}_files__{name}", person, split, labels | ({"attack": attack} if attack else {})))
    media.put("clip.avi", root / "Train_files" / "6_3_20_4.avi")  # session 3 is not in protocol 1's training
    write(root / "Test_files" / "6_3_55_1.avi", "cut off")
    lists["Test"].append("+1,6_3_55_1")
    lists["Dev"].append("+1,6_2_35_3")
    for part, lines in lists.items():
        write(root / "Protocols" / "Protocol_1" / f"{part}.txt", "\n".join(lines) + "\n")
    return FakeTree(told, ["not_in_protocol", "missing_media", "broken"], {"protocol": 1})


@builder
def replay_attack(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        part, split = (("train", "train"), ("devel", "val"), ("test", "test"))[i % 3]
        if i % 3 == 0:
            place = Path(part, "real", f"client00{i}_session01_webcam_authenticate_adverse_1.mov")
            labels = {"spoof": "genuine", "light": "adverse"}
        else:
            device, sample = (("print", "photo"), ("highdef", "video"))[i % 2]
            name = f"attack_{device}_client00{i}_session01_highdef_{sample}_controlled.mov"
            place = Path(part, "attack", "hand", name)
            labels = {"spoof": "attack", "device": device, "attack": sample, "support": "hand", "light": "controlled"}
        media.put("clip.mov", root / place)
        write(root / "face-locations" / place.with_suffix(".face"), "0 10 10 40 40\n")
        told.append(Told("__".join(place.with_suffix("").parts), f"client00{i}", split, labels))
    media.put("clip.mov", root / "enroll" / "train" / "client001_session01_webcam_enroll_1.mov")
    broken = root / "test" / "attack" / "fixed" / "attack_mobile_client009_session01_mobile_photo_adverse.mov"
    media.broken(broken)
    told.sort(key=lambda t: ("train", "val", "test").index(t.split or ""))
    return FakeTree(told, ["not_in_protocol", "broken"])


@builder
def msu_mfsd(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        client, split = (("002", "train"), ("001", "test"), ("055", "train"))[i % 3]
        device, suffix = (("android", "mp4"), ("laptop", "mov"))[i % 2]
        if i == 0:
            name, labels = f"real_client{client}_{device}_SD_scene01", {"spoof": "genuine"}
        else:
            tool = ("ipad_video", "printed_photo")[i % 2]
            name = f"attack_client{client}_{device}_SD_{tool}_scene01"
            labels = {"spoof": "attack", "attack": tool}
        folder = name.split("_")[0]
        media.put("clip.mp4" if suffix == "mp4" else "clip.mov", root / "scene01" / folder / f"{name}.{suffix}")
        told.append(Told(f"scene01__{folder}__{name}", f"client{client}", split, labels | {"device": device}))
    media.put("clip.mov", root / "scene01" / "attack" / "attack_client004_laptop_SD_ipad_video_scene01.mov")
    media.broken(root / "scene01" / "real" / "real_client003_laptop_SD_scene01.mov")
    told.sort(key=lambda t: (t.key.split("__")[1] != "real", t.key))
    return FakeTree(told, ["broken", "not_in_protocol"])


@builder
def tiktok(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        dance = f"{(1, 334, 335)[i % 3]:05d}"
        for kind in ("images", "masks", "densepose"):
            media.frames(root / "TikTok_dataset" / dance / kind, range(1, 4), "{:04d}.png")
        told.append(Told(dance, dance, "test" if int(dance) >= 335 else "train"))
    media.frames(root / "TikTok_dataset" / "00340" / "images", [1, 2, 4], "{:04d}.png")
    return FakeTree(told, ["missing_frames"], {"split": "usual"})


@builder
def ubc_fashion(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        part = "test" if i == n - 1 else "train"
        media.put("silent.mp4", root / part / f"91+3b.AYtFe{i}S.mp4")
        told.append(Told(f"{part}__91+3b_AYtFe{i}S", f"91+3b.AYtFe{i}S", part))
    media.broken(root / "test" / "A1zzzzzzzzS.mp4")
    return FakeTree(told, ["broken"])
