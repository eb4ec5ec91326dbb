"""The contact sheet: every cell named, everything the issue lists on it, the same bytes for the same seed."""

import numpy as np
from PIL import Image

from talkie.heads import ARKIT_NAMES
from talkie.speech.emotion import EMOTIONS
from talkie.stage import load_shoot, write_contact_sheet
from talkie.stage.articulation import CLOSED_JAW
from talkie.stage.contact import CELLS, COLUMNS, LABEL, PEOPLE, TILE, Cell, face_weights


def test_24_cells_cover_all_emotions_in_full_eight_mouths_and_views_all_round() -> None:
    assert len(CELLS) == 24
    assert {c.emotion for c in CELLS} == set(EMOTIONS)
    assert {c.emotion for c in CELLS if c.intensity == 3} == set(EMOTIONS) - {"neutral"}
    assert {"P", "F", "TH", "AA", "UW", "IY", "OW", None} == {c.phone for c in CELLS}
    assert {-90, 0, 150} <= {c.yaw for c in CELLS}
    assert {c.person for c in CELLS} == set(range(PEOPLE))


def test_a_label_names_identity_view_emotion_and_viseme() -> None:
    label = Cell(4, "happy", 2, "AA", yaw=-30, pitch=10).label("stage-0-004")
    for words in ("stage-0-004", "yaw -30", "pitch 10", "happy 2", "viseme aa"):
        assert words in label


def test_a_cell_shows_its_phone_as_speech_would_film_it() -> None:
    """P closes the lips at any opening of the jaw; an open vowel stays open under a smile."""
    jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    shut = face_weights(Cell(0, phone="P"))
    assert shut[jaw] == shut[close] <= CLOSED_JAW
    smiling = face_weights(Cell(0, "happy", 3, "AA"))
    assert smiling[jaw] > 0.4
    assert smiling[ARKIT_NAMES.index("mouthSmileLeft")] > 0.2
    assert np.array_equal(face_weights(Cell(0)), np.zeros(len(ARKIT_NAMES)))


def test_the_sheet_is_a_pure_function_of_the_seed(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Two of its cells, since one more costs a second."""
    monkeypatch.setattr("talkie.stage.contact.CELLS", CELLS[:2])
    shoot = load_shoot("speech", **{"seed": 3})
    for name in ("one.png", "two.png"):
        write_contact_sheet(shoot, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    picture = np.asarray(Image.open(tmp_path / "one.png"))
    assert picture.shape == (TILE + LABEL, 2 * TILE, 3)
    assert COLUMNS == 6
    # Letters are written under the frame, none over it.
    assert (picture[TILE:] > 200).any()
