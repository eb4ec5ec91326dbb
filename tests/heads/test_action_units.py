"""FACS units and ARKit's shapes: what each unit moves, the way back, blinks by their duration."""

import numpy as np
import pytest

from talkie.errors import BadInput
from talkie.heads import ARKIT_NAMES, AU_NAMES, action_units, builtin_head, expression_of_units

PAIRS = [name[:-1] for name in AU_NAMES if name.endswith("L")]


def _lasting(unit: np.ndarray) -> np.ndarray:
    """A unit held for two seconds: closed eyes are then AU43."""
    return np.repeat(unit[None], 50, axis=0)


def test_the_named_units_of_facs_are_there() -> None:
    numbers = {int("".join(c for c in name if c.isdigit())) for name in AU_NAMES}
    assert numbers == {1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43, 45}
    assert len(set(AU_NAMES)) == len(AU_NAMES) == 36


def test_a_smile_is_the_muscle_that_facs_names_on_both_sides_or_one() -> None:
    both, left = expression_of_units({"AU12": 0.6}), expression_of_units({"AU12L": 0.6})
    assert both[ARKIT_NAMES.index("mouthSmileLeft")] == both[ARKIT_NAMES.index("mouthSmileRight")] == 0.6
    assert left[ARKIT_NAMES.index("mouthSmileRight")] == 0
    assert both.sum() == pytest.approx(1.2)


@pytest.mark.parametrize("name", [n for n in AU_NAMES if not n.startswith("AU45")])
@pytest.mark.parametrize("measured_on_a_face", [False, True])
def test_every_single_unit_comes_back(name: str, measured_on_a_face: bool) -> None:
    head = builtin_head() if measured_on_a_face else None
    unit = np.zeros(len(AU_NAMES))
    unit[AU_NAMES.index(name)] = 0.7
    got = action_units(_lasting(expression_of_units(unit[None])[0]), head=head)
    np.testing.assert_allclose(got, _lasting(unit), atol=1e-6)


def test_combinations_come_back_as_long_as_no_shape_is_full() -> None:
    rng = np.random.default_rng(0)
    units = rng.uniform(0, 0.45, (40, len(AU_NAMES))) * (rng.random((40, len(AU_NAMES))) < 0.3)
    units[:, [k for k, n in enumerate(AU_NAMES) if n.startswith("AU45")]] = 0
    expression = expression_of_units(units)
    assert expression.max() < 1
    np.testing.assert_allclose(action_units(expression), units, atol=1e-9)


def test_the_prototypes_of_emotions_come_back() -> None:
    """EMFACS prototypes (Ekman and Friesen 1983): happiness 6+12, sadness 1+4+15, surprise 1+2+5+26, disgust 9+15."""
    for prototype in ({"AU6": 0.8, "AU12": 0.9}, {"AU1": 0.7, "AU4": 0.5, "AU15": 0.8}, {"AU9": 1.0, "AU15": 0.4},
                      {"AU1": 1.0, "AU2": 1.0, "AU5": 0.7, "AU26": 1.0}):  # fmt: skip
        got = action_units(_lasting(expression_of_units(prototype)))[25]
        found = {name: got[k] for k, name in enumerate(AU_NAMES) if got[k] > 1e-6}
        wanted = {f"{n}{s}" if n in PAIRS else n: v for n, v in prototype.items() for s in "LR"}
        assert found == pytest.approx(wanted)


def test_a_blink_is_told_from_a_closure_by_half_a_second() -> None:
    closed = np.zeros((100, 52))
    left = ARKIT_NAMES.index("eyeBlinkLeft")
    closed[10:15, left] = [0.4, 1, 1, 0.8, 0.3]
    closed[40:70, left] = 1
    closed[80:84, left] = 0.3
    got = action_units(closed, fps=25)
    blink, shut = got[:, AU_NAMES.index("AU45L")], got[:, AU_NAMES.index("AU43L")]
    np.testing.assert_allclose(blink[10:15], closed[10:15, left])
    np.testing.assert_allclose(shut[40:70], 1)
    np.testing.assert_allclose(shut[80:84], 0.3, err_msg="a lid that never shuts is no blink")
    assert not (blink * shut).any()
    assert not got[:, AU_NAMES.index("AU45R")].any()


def test_movements_without_a_unit_are_left_over() -> None:
    expression = np.zeros((2, 52))
    expression[:, [ARKIT_NAMES.index(n) for n in ("eyeLookInLeft", "tongueOut", "jawLeft")]] = 1
    assert not action_units(expression).any()


def test_wrong_shapes_and_names_are_refused() -> None:
    with pytest.raises(BadInput, match="unknown action unit AU99"):
        expression_of_units({"AU99": 1})
    with pytest.raises(BadInput, match=r"expected \(T, 36\)"):
        expression_of_units(np.zeros((1, 3)))
    with pytest.raises(BadInput, match=r"expected finite \(T, 52\)"):
        action_units(np.full((1, 52), np.nan))
