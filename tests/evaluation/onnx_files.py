"""Small ONNX files of the published networks' form, for the tests of their loaders."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from talkie.evaluation.networks.marks import MARK


def pooled(path: Path, given: list, answered: int, *, seed: int = 0, stand_in: str = "") -> np.ndarray:
    """Writes a network that takes `given` and answers (N, answered): the mean of each channel times a random matrix,
    which is returned: (C, answered)."""
    matrix = np.random.default_rng(seed).normal(size=(given[1], answered)).astype(np.float32)
    axes = numpy_helper.from_array(np.arange(2, len(given)), "axes")
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], ["y"]),
    ]
    save(path, nodes, given, [given[0], answered], [axes, numpy_helper.from_array(matrix, "matrix")], stand_in)
    return matrix


def save(path: Path, nodes: list, given: list, answered: list, constants: list, stand_in: str = "") -> None:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, answered)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if stand_in:
        helper.set_model_props(model, {MARK: stand_in})
    onnx.save(model, str(path))
