"""Labels with weights that the user gives: tiny random checkpoints and networks in the true file layout."""

import json
import sys

import numpy as np
import pytest

from talkie.curation.draft import Draft, Network, Toolbox, View
from talkie.curation.labels.picture import picture_annotators
from talkie.curation.labels.picture.parser import PARSED
from talkie.errors import BadConfig, BadInput, MissingExtra
from talkie.heads import builtin_head
from talkie.heads.mask_classes import INDEX
from talkie.media import decode_plane

SIZE = 64


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A CLIP of two layers, whole, as transformers saves it, with OpenAI's preprocessing."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    narrow = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision = {**narrow, "image_size": 32, "patch_size": 8}
    config = transformers.CLIPConfig(vision_config=vision, text_config=narrow, projection_dim=12)
    folder = tmp_path_factory.mktemp("clip") / "tiny-clip"
    transformers.CLIPModel(config).save_pretrained(folder)
    settings = {
        "size": {"shortest_edge": 40},
        "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def pictures(count):
    return np.random.default_rng(3).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def marks():
    points = np.full((478, 3), SIZE / 2, np.float32)
    points[[263, 362, 386, 374], 0], points[[33, 133, 159, 145], 0] = 48, 16
    return points


def made(name, weights=None, licence="unknown"):
    """An annotator of the picture with a network of one's own."""
    network = {"clip": "clip", "regions": "face_parser"}[name]
    models = {} if weights is None else {network: Network(path=weights, licence=licence)}
    return picture_annotators()[name].made(Toolbox(builtin_head(), models))


def watched(annotator, frames):
    watcher = annotator.start()
    box = np.array([0.0, 0.0, SIZE])
    for index, frame in enumerate(frames):
        watcher.see(View(index, frame, frame, marks(), box, True))
    landmarks, boxes = np.tile(marks(), (len(frames), 1, 1)), np.tile(box, (len(frames), 1))
    return watcher.finish(Draft(0, SIZE, landmarks, boxes, np.ones(len(frames), bool), (SIZE, SIZE)))


def test_clip_features_are_the_models_own_of_one_frame_a_second(checkpoint):
    import torch
    from PIL import Image
    from transformers import CLIPModel

    frames = pictures(30)
    annotator = made("clip", checkpoint, "MIT")
    found = watched(annotator, frames).fields["clip.npz"]
    assert found["frame"].tolist() == [0, 25]
    settings = json.loads((checkpoint / "preprocessor_config.json").read_text())
    scaled = np.asarray(Image.fromarray(frames[25]).resize((40, 40), Image.Resampling.BICUBIC))[4:36, 4:36] / 255
    pixels = torch.tensor((scaled - settings["image_mean"]) / settings["image_std"]).float().permute(2, 0, 1)
    whole = CLIPModel.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        expected = whole.visual_projection(whole.vision_model(pixel_values=pixels[None]).pooler_output)[0].numpy()
    np.testing.assert_allclose(found["feature"][1], expected, rtol=1e-4, atol=1e-5)
    assert annotator.licence == "MIT"
    assert "tiny-clip sha256:" in annotator.tool


def test_a_checkpoint_that_lacks_weights_is_refused_and_not_filled_up(checkpoint, tmp_path):
    from safetensors.numpy import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    weights.pop("visual_projection.weight")
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((checkpoint / name).read_bytes())
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match=r"lacks 1 weights, such as visual_projection\.weight"):
        made("clip", tmp_path)


def test_a_folder_without_a_checkpoint_names_what_is_missing(tmp_path):
    with pytest.raises(BadInput, match=r"config\.json"):
        made("clip", tmp_path)


def test_without_transformers_the_extra_is_named(checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match="features"):
        made("clip", checkpoint)


def test_a_label_without_its_network_says_how_to_give_one():
    with pytest.raises(BadConfig, match=r"'clip' needs a network; give its path: --model clip=PATH"):
        made("clip")


def test_a_network_that_is_not_there_is_refused():
    with pytest.raises(BadInput, match="no ONNX network"):
        made("regions", "nowhere.onnx")


def test_a_misspelt_licence_of_weights_is_refused(checkpoint):
    with pytest.raises(BadInput, match="no licence"):
        made("clip", checkpoint, "MITT")


def network(path, channels):
    """A network (1, 3, 32, 32) -> (1, channels, 32, 32) whose channel 4 grows with red and whose others are 0."""
    onnx = pytest.importorskip("onnx")
    weights = np.zeros((channels, 3, 1, 1), np.float32)
    weights[4, 0] = 1.0
    given = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 32, 32])
    made = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, channels, 32, 32])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["image", "weights"], ["logits"])],
        "parser",
        [given],
        [made],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def test_a_given_parsers_classes_are_ours_and_sides_come_from_the_landmarks(tmp_path):
    pytest.importorskip("onnxruntime")
    annotator = made("regions", network(tmp_path / "parser.onnx", len(PARSED)))
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    picture[16:32, :, 0] = 255  # a red band across: "an eye" on both sides
    mask = decode_plane(watched(annotator, [picture] * 2).fields["mask.mp4"])[0]
    assert set(np.unique(mask)) == {INDEX["background"], INDEX["left_eye"], INDEX["right_eye"]}
    assert (mask[18:30, 34:] == INDEX["left_eye"]).all()
    assert (mask[18:30, :30] == INDEX["right_eye"]).all()
    assert annotator.licence == "unknown"


def test_a_network_of_other_classes_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    with pytest.raises(BadInput, match="19"):
        made("regions", network(tmp_path / "other.onnx", 11))
