"""Tables of footage: what every column becomes, and the one line that names row and column of what is wrong."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from talkie.curation.manifest import read_manifest
from talkie.curation.record import Box
from talkie.errors import BadManifest

ROWS = [
    {"uri": "a.mp4", "identity": "ann", "text": "Hello, you.", "language": "en", "licence": "cc by 4.0",
     "consent": "form 12", "start_s": 1.5, "end_s": 4.0, "label.emotion": "happy"},
    {"uri": "s3://corpus/b.mov", "identity": "bob", "licence": "owned", "split": "test", "label.emotion": "sad"},
]  # fmt: skip


def written(tmp_path, kind, rows=ROWS):
    path = tmp_path / f"footage.{kind}"
    names = list(dict.fromkeys(name for row in rows for name in row))
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    elif kind == "parquet":
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
    else:
        comma = "\t" if kind == "tsv" else ","

        def cell(value):
            return f'"{value}"' if comma in str(value) else str(value)

        lines = [comma.join(names), *(comma.join(cell(row.get(name, "")) for name in names) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


def refused(tmp_path, *rows, kind="jsonl"):
    with pytest.raises(BadManifest) as error:
        read_manifest(written(tmp_path, kind, rows))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_table_says_the_same(tmp_path, kind):
    ann, bob = read_manifest(written(tmp_path, kind))
    assert ann.uri == str(tmp_path / "a.mp4")
    assert (ann.identity, ann.text, ann.language, ann.licence) == ("ann", "Hello, you.", "en", "CC-BY-4.0")
    assert (ann.consent, ann.start_s, ann.end_s, ann.labels) == ("form 12", 1.5, 4.0, {"emotion": "happy"})
    assert (bob.uri, bob.split, bob.text, bob.labels) == ("s3://corpus/b.mov", "test", None, {"emotion": "sad"})


def test_labels_and_annotations_may_be_columns_in_the_plural(tmp_path):
    row = {"uri": "a.mp4", "labels.emotion": "sad", "annotations.words": "a.words"}
    (record,) = read_manifest(written(tmp_path, "csv", [row]))
    assert record.labels == {"emotion": "sad"}
    assert record.annotations == {"words": str(tmp_path / "a.words")}


def test_a_copy_of_a_manifest_is_read_as_if_it_lay_where_it_came_from(tmp_path):
    path = written(tmp_path, "csv", [{"uri": "deep/a.mp4"}])
    (record,) = read_manifest(path, base="s3://corpus/lists", where="s3://corpus/lists/footage.csv")
    assert record.uri == "s3://corpus/lists/deep/a.mp4"
    path.write_text("uri,licence\na.mp4,nonsense\n")
    with pytest.raises(BadManifest, match=r"s3://corpus/lists/footage\.csv: row 1, column 'licence'"):
        read_manifest(path, base="s3://corpus/lists", where="s3://corpus/lists/footage.csv")


def test_columns_go_by_common_names_too(tmp_path):
    (record,) = read_manifest(
        written(
            tmp_path, "csv", [{"path": "a.mp4", "speaker": "ann", "transcript": "Yes.", "license": "MIT", "id": "k1"}]
        )
    )
    assert (record.identity, record.text, record.licence, record.key) == ("ann", "Yes.", "MIT", "k1")


def test_boxes_labels_and_annotations_may_be_nested_or_flat(tmp_path):
    box = {"left": 10, "top": 20, "right": 110, "bottom": 140, "width": 640, "height": 360}
    nested = {"uri": "a.mp4", "box": box, "labels": {"emotion": "sad"}, "annotations": {"words": "a.words"}}
    flat = {"uri": "b.mp4", **{f"box.{k}": v for k, v in box.items()}, "label.emotion": "sad"}
    first, second = read_manifest(written(tmp_path, "jsonl", [nested, flat]))
    assert first.box == second.box == Box(**box)
    assert first.labels == second.labels
    assert first.annotations == {"words": str(tmp_path / "a.words")}


def test_empty_cells_are_not_said(tmp_path):
    (record,) = read_manifest(written(tmp_path, "csv", [{"uri": "a.mp4", "identity": "", "end_s": ""}]))
    assert (record.identity, record.end_s, record.licence) == (None, None, "unknown")


def test_two_people_of_one_shot_are_told_apart_by_their_boxes(tmp_path):
    left, right = ({"left": x, "top": 0, "right": x + 0.4, "bottom": 1} for x in (0.0, 0.5))
    rows = [{"uri": "a.mp4", "identity": "ann", "box": left}, {"uri": "a.mp4", "identity": "bob", "box": right}]
    assert [r.identity for r in read_manifest(written(tmp_path, "jsonl", rows))] == ["ann", "bob"]


def test_stretches_that_overlap_a_little_may_say_different_words(tmp_path):
    rows = [
        {"uri": "a.mp4", "identity": "ann", "text": text, "start_s": s, "end_s": s + 5}
        for s, text in ((0, "A."), (4, "B."))
    ]
    assert len(read_manifest(written(tmp_path, "jsonl", rows))) == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"identity": "ann"}], "row 1: column 'uri' is empty or missing"),
        ([{"uri": "a.mp4"}, {"uri": "b.mp4", "licence": "CC-BY-9"}], "row 2, column 'licence': no licence 'CC-BY-9'"),
        ([{"uri": "a.mp4", "idenity": "x"}], "row 1: no column 'idenity' is known; did you mean 'identity'?"),
        ([{"uri": "a.mp4", "mood": "x"}], "labels go under 'label.mood'"),
        ([{"uri": "a.mp4", "start_s": "soon"}], "row 1, column 'start_s': Input should be a valid number"),
        ([{"uri": "a.mp4", "start_s": 4, "end_s": 2}], "a span from 4 s to 2 s is empty"),
        ([{"uri": "a.mp4", "split": "dev"}], "row 1, column 'split'"),
        ([{"uri": "a.mp4", "key": "k"}, {"uri": "b.mp4", "key": "k"}], "row 2, column 'key': 'k' is the key of row 1"),
        ([{"uri": "a.mp4", "identity": "ann"}, {"uri": "a.mp4", "identity": "bob"}], "row 2, column 'identity': 'bob'"),
        ([{"uri": "a.mp4"}, {"uri": "a.mp4"}], "row 2, column 'uri': row 1 names the same stretch of the same file"),
        ([{"uri": "a.mp4", "label.e": "x"}, {"uri": "a.mp4", "label.e": "y"}], "row 2, column 'label.e': 'y', but"),
        ([{"uri": "a.mp4", "identity": "ann", "split": "train"}, {"uri": "b.mp4", "identity": "ann", "split": "test"}],
         "row 2, column 'split': 'ann' is in 'train' by row 1 already"),
        ([{"uri": "a.mp4", "language": "English"}], "row 1, column 'language': 'English' is no language code"),
        ([{"uri": "a.mp4", "consent": "yes"}, {"uri": "a.mp4", "start_s": 1, "consent": "no"}],
         "row 2, column 'consent': 'no', but row 1 says 'yes' of the same footage"),
        ([{"uri": "a.mp4", "text": "A."}, {"uri": "a.mp4", "text": "B."}], "row 2, column 'text': 'B.', but row 1"),
        ([{"uri": "a.mp4", "start_s": -1}], "row 1, column 'start_s'"),
        ([{"uri": "a.mp4", "kind": "frames"}], "row 1, column 'the row': frames need fps"),
        ([{"uri": "a.mp4", "kind": "hologram"}], "row 1, column 'kind'"),
        ([{"uri": "a.mp4", "key": "a.b"}], "row 1, column 'key'"),
        ([{"uri": "a.mp4", "speaker": "ann", "identity": "ann"}], "says identity a second time"),
        ([{"uri": "a.mp4", "box": {"left": 1, "top": 0, "right": 0, "bottom": 1}}], "a box needs left < right"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_row_and_column(tmp_path, rows, said):
    assert said in refused(tmp_path, *rows)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"uri,text\na.mp4\n", "row 1 has fewer cells"),
        ("a.csv", b"uri,text\na.mp4,x,y\n", "row 1 has more cells"),
        ("a.csv", b'uri,text\na.mp4,"x\n', "does not parse"),
        ("a.csv", b"uri\n\xff.mp4\n", "is no UTF-8 text"),
        ("a.csv", b"uri\n", "holds no row"),
        ("a.jsonl", b'{"uri": "a.mp4"}\nnot json\n', "row 2 is no JSON"),
        ("a.jsonl", b"[1]\n", "row 1 is no JSON object"),
        ("a.parquet", b"PAR1 not", "is no readable Parquet"),
        ("a.xlsx", b"", "is no kind of manifest"),
    ],
)
def test_a_table_that_does_not_parse_is_one_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadManifest, match=said) as error:
        read_manifest(path)
    assert "\n" not in str(error.value)


def test_a_table_that_is_not_there_says_so(tmp_path):
    with pytest.raises(BadManifest, match="No such file"):
        read_manifest(tmp_path / "none.csv")
