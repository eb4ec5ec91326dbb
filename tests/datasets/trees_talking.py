"""Fake trees of the talking-head sets, with the names of their official layouts; one file of each is broken."""

from __future__ import annotations

import json
from pathlib import Path

from fake_media import LFS_POINTER, FakeMedia, write
from fake_trees import FakeTree, Told, builder


@builder
def voxceleb2(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        part, split = ("test", "test") if i == n - 1 else ("dev", "train")
        media.put("clip.mp4", root / part / "mp4" / f"id{i:05d}" / "-Ab_cdEfgH1" / "00001.mp4")
        told.append(Told(f"{part}__mp4__id{i:05d}__-Ab_cdEfgH1__00001", f"id{i:05d}", split))
    media.broken(root / "test" / "mp4" / "id09999" / "AAAAAAAAAAA" / "00002.mp4")
    return FakeTree(told, ["broken"])


@builder
def hdtf(root: Path, media: FakeMedia, n: int) -> FakeTree:
    urls, spans, crops, heights, told = [], [], [], [], []
    for i in range(n + 3):
        urls.append(f"Radio{i} https://www.youtube.com/watch?v=-Radio_{i:04d}")
        spans.append(f"Radio{i}.mp4 00:01-01:02")
        crops.append(f"Radio{i}_0.mp4 320 512 100 512")
        heights.append(f"Radio{i}.mp4 720")
    names = [f"RD_Radio{i}_000.mp4" if i % 2 else f"Radio{i}_0.mp4" for i in range(n)]
    for i, name in enumerate(names):
        media.put("clip2997.mp4", root / name)
        told.append(Told(f"RD__Radio{i}_0", f"RD_Radio{i}", None, {"subset": "RD"}))
    media.broken(root / f"Radio{n}_0.mp4")
    media.put("silent.mp4", root / f"Radio{n + 1}_0.mp4")  # the usual downloader fetches no sound
    lists = {"video_url": urls, "annotion_time": spans, "crop_wh": crops, "resolution": heights}
    for name, lines in lists.items():
        write(root / "HDTF_dataset" / f"RD_{name}.txt", "\n".join(lines) + "\n")
    return FakeTree(told, ["broken", "no_audio", "missing_media"])


@builder
def mead(root: Path, media: FakeMedia, n: int) -> FakeTree:
    # The folder above the view is called "video", "1", or there is one more: all three circulate.
    folders = ("video", "1", "video/video")
    people = [("M003", "train"), ("W033", "val"), ("W040", "test")]
    told = []
    for i in range(n):
        (actor, split), inner = people[i % 3], folders[i % 3]
        take = f"{i + 1:03d}"
        media.put("clip2997.mp4", root / actor / inner / "left_30" / "surprised" / "level_2" / f"{take}.mp4")
        media.put("sound.m4a", root / actor / "audio" / "surprised" / "level_2" / f"{take}.m4a")
        key = f"{actor}__{inner.replace('/', '__')}__left_30__surprised__level_2__{take}"
        told.append(Told(key, actor, split, {"emotion": "surprised", "intensity": "2", "view": "left_30"}))
    media.put("silent.mp4", root / "W040" / "video" / "front" / "sad" / "level_1" / "090.mp4")
    media.broken(root / "W040" / "video" / "front" / "sad" / "level_1" / "091.mp4")
    told.sort(key=lambda t: t.key)
    return FakeTree(told, ["no_audio", "broken"], {"split": "emote"})


@builder
def lrs2(root: Path, media: FakeMedia, n: int) -> FakeTree:
    home, told = root / "mvlrs_v1", []
    lists: dict[str, list[str]] = {"pretrain": [], "train": [], "val": [], "test": []}
    for i in range(n):
        name = list(lists)[(i + 1) % 4]
        folder = "pretrain" if name == "pretrain" else "main"
        clip = f"{6330311066473698535 + i}/{i:05d}"
        media.put("clip.mp4", home / folder / f"{clip}.mp4")
        words = "Text:  WHEN WE STARTED\nConf:  4\n\nWORD START END SCORE\nWHEN 0.1 0.3 5.2\n"
        write(home / folder / f"{clip}.txt", words)
        lists[name].append(f"{clip} NF" if name == "test" else clip)
        split = "train" if name == "pretrain" else name
        told.append(Told(f"{folder}__{clip.replace('/', '__')}", clip.split("/")[0], split, {"part": folder}))
    media.broken(home / "main" / "7" / "00001.mp4")
    media.put("clip.mp4", home / "main" / "8" / "00001.mp4")  # no list names it
    lists["test"] += ["7/00001 NF", "9/00001 MV"]
    for name, lines in lists.items():
        write(root / f"{name}.txt", "\n".join(lines) + "\n")
    return FakeTree(told, ["broken", "missing_media", "not_in_protocol"])


@builder
def lrs3(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        part, split = (("pretrain", "train"), ("trainval", "train"), ("test", "test"))[i % 3]
        media.put("clip.mp4", root / part / f"0Fi83BHQsM{i}" / "00002.mp4")
        text = "Text:  THANK YOU\nConf:  7\nRef: 0Fi83BHQsMA\n\nFRAME X Y W H\n0 0.3 0.2 0.2 0.3\n"
        write(root / part / f"0Fi83BHQsM{i}" / "00002.txt", text)
        told.append(Told(f"{part}__0Fi83BHQsM{i}__00002", f"0Fi83BHQsM{i}", split))
    media.broken(root / "test" / "zzzzzzzzzzz" / "00001.mp4")
    return FakeTree(told, ["broken"])


@builder
def lrw(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        split = ("train", "val", "test")[i % 3]
        folder = root / "lipread_mp4" / "ABOUT" / split
        media.put("clip.mp4", folder / f"ABOUT_{i:05d}.mp4")
        write(folder / f"ABOUT_{i:05d}.txt", "Disk reference: 1\nDuration: 0.21 seconds\n")
        told.append(Told(f"ABOUT__{split}__ABOUT_{i:05d}", None, split, {"word": "ABOUT"}))
    media.broken(root / "lipread_mp4" / "YOUNG" / "test" / "YOUNG_00001.mp4")
    return FakeTree(told, ["broken"])


@builder
def celebv_hq(root: Path, media: FakeMedia, n: int) -> FakeTree:
    clips = {}
    for i in range(n + 2):
        emotion = {"sep_flag": False, "labels": "neutral"}
        if i == 1:
            parts = [{"emotion": e, "start_sec": k, "end_sec": k + 1} for k, e in enumerate(("neutral", "happy"))]
            emotion = {"sep_flag": True, "labels": parts}
        clips[f"M2Ohb0FAaJ{i}_1"] = {
            "ytb_id": f"M2Ohb0FAaJ{i}",
            "duration": {"start_sec": 81.62, "end_sec": 86.17},
            "bbox": {"top": 0.0, "bottom": 0.8815, "left": 0.1964, "right": 0.6922},
            "attributes": {"appearance": [0, 1, 1], "action": [0, 0, 1], "emotion": emotion},
        }
    meta = {"appearance_mapping": ["blurry", "male", "young"], "action_mapping": ["blow", "chew", "close_eyes"]}
    write(root / "celebvhq_info.json", json.dumps({"meta_info": meta, "clips": clips}))
    told = []
    for i in range(n):
        if i == 0:
            media.put("clip.mp4", root / "downloaded_celebvhq" / "raw" / "M2Ohb0FAaJ0.mp4")
        else:
            media.put("clip.mp4", root / "downloaded_celebvhq" / "processed" / f"M2Ohb0FAaJ{i}_1.mp4")
        labels = {"emotion": "neutral,happy" if i == 1 else "neutral", "appearance": "male,young"}
        told.append(Told(f"M2Ohb0FAaJ{i}_1", f"M2Ohb0FAaJ{i}", None, labels))
    media.broken(root / "downloaded_celebvhq" / "processed" / f"M2Ohb0FAaJ{n}_1.mp4")
    return FakeTree(told, ["broken", "missing_media"])


@builder
def vfhq(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    meta = "H 1080\nW 1920\nFPS 23.976\n\nCROP 700 100 1300 700\n"
    for i in range(n):
        video = ("-RadioSt_01", "_x-0Y_z-1aB", "0a-b_c-d_e-")[i % 3]
        name = f"Clip+{video}+P{i}+C{i}+F5504-5560"
        write(root / "meta_info" / f"{name}.txt", meta)
        if i % 3 == 0:
            media.put("clip2997.mp4", root / "raw" / f"{video}.mp4")
        elif i % 3 == 1:
            media.frames(root / name, range(5505, 5530), "{:08d}.png")
        else:
            media.put("clip2997.mp4", root / "clips" / f"{name}.mp4")
        told.append(Told(name, f"{video}+P{i}"))
    name = "Clip+zzzzzzzzzzz+P0+C0+F10-99"
    write(root / "meta_info" / f"{name}.txt", meta)
    media.frames(root / name, [11, 12, 15], "{:08d}.png")
    told.sort(key=lambda t: t.key)
    return FakeTree(told, ["missing_frames"])


@builder
def talkinghead_1kh(root: Path, media: FakeMedia, n: int) -> FakeTree:
    rows: dict[str, list[str]] = {"train": [], "val": []}
    told = []
    for i in range(n + 2):
        part = "val" if i in (n - 1, n, n + 1) else "train"
        name = f"--Y9imYnfB{i}_0003"
        rows[part].append(f"{name}, 720, 1280, 102, 225, 450, 60, 800, 410")
        cropped = root / part / "cropped_clips" / f"{name}_S102_E225_L450_T60_R800_B410.mp4"
        if i < n:
            media.put("clip.mp4", cropped)
            told.append(Told(cropped.stem, f"--Y9imYnfB{i}", part))
        elif i == n:
            media.broken(cropped)
        else:
            media.put("clip.mp4", root / part / "1min_clips" / f"{name}.mp4")
    for part, lines in rows.items():
        write(root / "data_list" / f"{part}_video_tubes.txt", "\n".join(lines) + "\n")
    return FakeTree(told, ["broken", "not_prepared"])


@builder
def crema_d(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    for i in range(n):
        name = f"{1001 + i}_DFA_{('ANG', 'FEA', 'NEU')[i % 3]}_{('HI', 'LO', 'XX')[i % 3]}"
        media.put("clip.flv", root / "VideoFlash" / f"{name}.flv")
        media.put("sound.wav", root / "AudioWAV" / f"{name}.wav")
        labels = {"emotion": ("anger", "fear", "neutral")[i % 3], "intensity": ("high", "low", "unspecified")[i % 3]}
        told.append(Told(name, str(1001 + i), None, labels | {"sex": "female"}))
    write(root / "VideoFlash" / "1090_WSI_SAD_MD.flv", LFS_POINTER)
    write(root / "VideoFlash" / "1091_WSI_SAD_MD.flv", "not a film")
    people = "".join(f"{1001 + i},51,Female,Caucasian,Not Hispanic\n" for i in range(n))
    write(root / "VideoDemographics.csv", "ActorID,Age,Sex,Race,Ethnicity\n" + people)
    return FakeTree(told, ["lfs_pointer", "broken"])


@builder
def ravdess(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told, reasons = [], []
    for i in range(n):
        actor = f"{i + 1:02d}"
        rest = f"01-0{4 + i % 3}-01-02-01-{actor}"
        folder = root / f"Actor_{actor}"
        media.put("clip2997.mp4", folder / f"01-{rest}.mp4")
        media.put("silent.mp4", folder / f"02-{rest}.mp4")
        media.put("sound.wav", folder / f"03-{rest}.wav")
        labels = {"emotion": ("sad", "angry", "fearful")[i % 3], "sex": "male" if i % 2 == 0 else "female"}
        told.append(Told(f"Actor_{actor}__01-{rest}", actor, None, labels))
        reasons.append("duplicate")
    media.broken(root / "Actor_24" / "01-01-01-01-01-01-24.mp4")
    return FakeTree(told, [*reasons, "broken"])


@builder
def grid(root: Path, media: FakeMedia, n: int) -> FakeTree:
    told = []
    align = "0 11000 sil\n11000 15500 bin\n15500 19500 blue\n19500 22000 at\n22000 26500 f\n26500 31000 two\n"
    align += "31000 38000 now\n38000 74500 sil\n"
    for i in range(n):
        talker = ("s1", "s10", "s33")[i % 3]
        media.put("clip.mpg", root / talker / "bbaf2n.mpg")
        write(root / talker / "align" / "bbaf2n.align", align)
        split = "test" if talker == "s1" else "train"
        told.append(Told(f"{talker}__bbaf2n", talker, split, {"colour": "blue", "digit": "two"}))
    write(root / "s9" / "lwiz9s.mpg", "cut off")
    return FakeTree(told, ["broken"], {"split": "unseen"})
