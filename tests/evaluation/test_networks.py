"""Loaders of published networks on small generated files of the true form, and the stand-ins beside them."""

import numpy as np
import pytest
import torch
from onnx import helper, numpy_helper
from onnx_files import pooled, save
from safetensors.torch import save_file
from scipy.fft import dct

from talkie.errors import BadInput
from talkie.evaluation.metrics import published_name
from talkie.evaluation.metrics.distribution import frechet_distance as frechet
from talkie.evaluation.networks.face_tracks import track_crops
from talkie.evaluation.networks.faces import FaceIdentity
from talkie.evaluation.networks.frames import (
    for_crop_network,
    for_i3d,
    for_inception,
    for_resnet3d,
    heatmap_points,
)
from talkie.evaluation.networks.lip_readers import LipReader, WordReader, greedy, mouth_input
from talkie.evaluation.networks.lpips import WIDTHS, LpipsNetwork, _trunk
from talkie.evaluation.networks.marks import MARK
from talkie.evaluation.networks.onnx_file import FORMS, OnnxNetwork
from talkie.evaluation.networks.plain_features import CosineFeatures, RandomFeatures
from talkie.evaluation.networks.syncnet import SyncNet, mfcc


def clip(frames=6, height=48, width=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (frames, height, width, 3), dtype=np.uint8)


def test_inception_features_are_those_of_the_file(tmp_path):
    matrix = pooled(tmp_path / "inception.onnx", ["N", 3, 299, 299], 2048)
    network = OnnxNetwork(tmp_path / "inception.onnx", "inception")
    flat = np.full((20, 40, 40, 3), 51, np.uint8)
    flat[..., 0] = 255
    features = network(for_inception(flat))
    assert features.shape == (20, 2048)
    assert features[3] == pytest.approx(np.array([1, -0.6, -0.6]) @ matrix, abs=1e-3)
    assert published_name("fid", network.identity) == "fid"


@pytest.mark.parametrize("kind", sorted(set(FORMS) - {"lip_reader", "fan"}))
def test_every_form_takes_a_file_of_its_shape_and_no_other(tmp_path, kind):
    given = [n or s for n, s in zip(FORMS[kind].given, ("N", 4, 20, "H", "W"), strict=False)]
    pooled(tmp_path / "a.onnx", given, FORMS[kind].answered[1] or 7)
    network = OnnxNetwork(tmp_path / "a.onnx", kind)
    items = np.zeros([2 if n == "N" else n for n in given], np.float32)
    assert network(items).shape == (2, FORMS[kind].answered[1] or 7)
    with pytest.raises(BadInput, match=r"items of|does not take"):
        network(items[:, :, :0])
    pooled(tmp_path / "b.onnx", ["N", 2, 7], 3)
    if kind != "motion_autoencoder":
        with pytest.raises(BadInput, match="takes"):
            OnnxNetwork(tmp_path / "b.onnx", kind)


def test_a_network_of_one_item_takes_many_one_by_one(tmp_path):
    matrix = pooled(tmp_path / "arcface.onnx", [1, 3, 112, 112], 512)
    items = np.random.default_rng(0).random((3, 3, 112, 112)).astype(np.float32)
    found = OnnxNetwork(tmp_path / "arcface.onnx", "arcface")(items)
    assert found == pytest.approx(items.mean((2, 3)) @ matrix, abs=1e-4)


def test_a_stand_ins_file_is_one_under_any_name(tmp_path):
    pooled(tmp_path / "published_inception.onnx", ["N", 3, 299, 299], 2048, stand_in="stage")
    network = OnnxNetwork(tmp_path / "published_inception.onnx", "inception")
    assert published_name("fid", network.identity) == "stage_fid"


def test_files_that_are_no_networks_are_refused(tmp_path):
    (tmp_path / "junk.onnx").write_bytes(b"junk" * 40)
    for path, kind, words in (
        (tmp_path / "none.onnx", "fan", "no such file"),
        (tmp_path / "junk.onnx", "fan", "no ONNX network"),
        (tmp_path / "junk.onnx", "fen", "no kind 'fen'"),
    ):
        with pytest.raises(BadInput, match=words):
            OnnxNetwork(path, kind)


def test_an_answer_that_is_no_number_is_refused(tmp_path):
    pooled(tmp_path / "a.onnx", ["N", 3, 112, 112], 512)
    with pytest.raises(BadInput, match="NaN"):
        OnnxNetwork(tmp_path / "a.onnx", "arcface")(np.full((1, 3, 112, 112), np.nan))


def test_the_two_variants_of_clips_are_those_of_their_code():
    wide = clip(36, 50, 80)
    pixels = torch.from_numpy(wide).permute(0, 3, 1, 2).float() / 255
    first = torch.nn.functional.interpolate(pixels, (224, 359), mode="bilinear")[..., 67 : 67 + 224] * 2 - 1
    assert np.allclose(for_i3d(wide)[0], first.permute(1, 0, 2, 3).numpy(), atol=1e-6)
    second = torch.nn.functional.interpolate(pixels[20:36], (224, 224), mode="bilinear")
    assert np.allclose(for_i3d(wide, "latentsync")[0], second.permute(1, 0, 2, 3).numpy(), atol=1e-6)
    assert for_i3d(wide.swapaxes(1, 2)).shape == (1, 3, 36, 224, 224)
    assert for_resnet3d(wide).shape == (1, 3, 16, 112, 112)
    assert for_crop_network(wide[:2], 96, normalise=False).max() <= 1
    for variant, frames in (("stylegan_v", 9), ("latentsync", 35)):
        with pytest.raises(BadInput, match="are needed"):
            for_i3d(wide[:frames], variant)
    with pytest.raises(BadInput, match="float64"):
        for_inception(wide / 255.0)


def test_heat_maps_are_read_at_their_peaks():
    maps = np.zeros((1, 2, 64, 64))
    maps[0, 0, 10, 20], maps[0, 0, 10, 21] = 1, 0.5
    maps[0, 1, 0, 63] = 1
    # Half a cell to its centre, a quarter towards the higher neighbour, four pixels a cell.
    assert heatmap_points(maps, 256)[0] == pytest.approx(np.array([[(20.75) * 4, 10.5 * 4], [63.5 * 4, 0.5 * 4]]))


def speech(seconds=1.0, seed=0):
    draw = np.random.default_rng(seed)
    return 0.3 * np.sin(np.cumsum(draw.uniform(0.02, 0.4, int(16000 * seconds)))) + 0.01 * draw.normal(
        size=int(16000 * seconds)
    )


def test_mfccs_equal_a_loop_over_windows_and_triangles():
    samples = speech(0.1)
    scaled = samples * 32768
    signal = [scaled[0]] + [scaled[i] - 0.97 * scaled[i - 1] for i in range(1, len(scaled))]
    mels = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 28)
    bins = [int(np.floor(513 * 700 * (10 ** (m / 2595) - 1) / 16000)) for m in mels]
    found = mfcc(samples)
    assert len(found) == 1 + int(np.ceil((1600 - 400) / 160))
    for number in (0, 3, len(found) - 1):
        window = np.zeros(400)
        piece = signal[160 * number : 160 * number + 400]
        window[: len(piece)] = piece
        power = np.abs(np.fft.fft(window, 512)[:257]) ** 2 / 512
        logs = []
        for j in range(26):
            total = sum(power[i] * (i - bins[j]) / (bins[j + 1] - bins[j]) for i in range(bins[j], bins[j + 1]))
            total += sum(
                power[i] * (bins[j + 2] - i) / (bins[j + 2] - bins[j + 1]) for i in range(bins[j + 1], bins[j + 2])
            )
            logs.append(np.log(total))
        cepstra = dct(logs, norm="ortho")[:13] * (1 + 11 * np.sin(np.pi * np.arange(13) / 22))
        cepstra[0] = np.log(power.sum())
        assert found[number] == pytest.approx(cepstra)


def test_syncnet_pairs_five_frames_with_twenty_columns(tmp_path):
    lips = pooled(tmp_path / "lips.onnx", ["N", 3, 5, 224, 224], 1024)
    sound = pooled(tmp_path / "sound.onnx", ["N", 1, 13, 20], 1024, stand_in="stage")
    network = SyncNet(tmp_path / "lips.onnx", tmp_path / "sound.onnx")
    frames, samples = clip(25, 224, 224), speech()
    a, b = network.embed(frames, samples)
    assert a.shape == b.shape == (20, 1024)
    bgr = frames[4:9, ..., ::-1].astype(float).mean((0, 1, 2))
    assert a[4] == pytest.approx(bgr @ lips, rel=1e-3, abs=1e-2)
    assert b[4] == pytest.approx((mfcc(samples)[16:36].mean() * sound)[0], rel=1e-3, abs=1e-3)
    assert published_name("lse_d", network.identity) == "stage_lse_d"
    with pytest.raises(BadInput, match="six or more"):
        network.embed(frames[:5], samples)


def test_a_face_track_is_cropped_as_syncnets_demo_does():
    # Every pixel says where it is.
    y, x = np.mgrid[:200, :250]
    frames = np.broadcast_to(np.stack([x, y, 0 * x], 2).astype(np.uint8), (100, 200, 250, 3))
    boxes = np.tile([60.0, 40, 180, 160], (100, 1))
    boxes[50] += 40  # a glitch, which the median of 13 takes out
    crops = track_crops(frames, boxes)
    assert crops.shape == (100, 224, 224, 3)
    # The middle (120, 100), half 60: columns 36 to 204, rows 40 to 208, of which the last eight lie outside.
    scale = 168 / 224
    assert crops[50, 112, 112, :2] == pytest.approx([36 + 112.5 * scale - 0.5, 40 + 112.5 * scale - 0.5], abs=1)
    assert (crops[:, -5:] == 110).all()
    assert (crops[50] == crops[20]).all()
    for some, words in ((frames[:99], "99 frames"), (frames, "shape")):
        with pytest.raises(BadInput, match=words):
            track_crops(some, boxes[:99])


def lpips_files(folder, net="alex", mark=None):
    torch.manual_seed(0)
    trunk = {f"features.{name}": tensor * 1 for name, tensor in _trunk(net).state_dict().items()}
    heads = {f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1) for i, width in enumerate(WIDTHS[net])}
    save_file(trunk, folder / "trunk.safetensors")
    save_file(heads, folder / "heads.safetensors", {MARK: mark} if mark else None)
    return trunk, heads


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_is_the_published_formula_on_torchs_layers(tmp_path, net):
    trunk, heads = lpips_files(tmp_path, net)
    network = LpipsNetwork(tmp_path / "trunk.safetensors", tmp_path / "heads.safetensors", net)
    truth, guess = clip(2, seed=1), clip(2, seed=2)
    functional = torch.nn.functional
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])

    def answers(frames):
        x = ((torch.from_numpy(frames).float() / 127.5 - 1 - shift) / scale).permute(0, 3, 1, 2)
        found = []
        numbers = sorted({int(name.split(".")[1]) for name in trunk})
        pools = {3, 6} if net == "alex" else {5, 10, 17, 24}
        taps = {0, 3, 6, 8, 10} if net == "alex" else {2, 7, 14, 21, 28}
        for n in numbers:
            if n in pools:
                x = functional.max_pool2d(x, 3, 2) if net == "alex" else functional.max_pool2d(x, 2)
            stride, pad = ((4, 2) if n == 0 else (1, 2 if n == 3 else 1)) if net == "alex" else (1, 1)
            x = functional.relu(
                functional.conv2d(x, trunk[f"features.{n}.weight"], trunk[f"features.{n}.bias"], stride, pad)
            )
            if n in taps:
                found.append(functional.normalize(x, dim=1, eps=1e-10))
        return found

    with torch.inference_mode():
        layers = zip(answers(truth), answers(guess), heads.values(), strict=True)
        expected = sum(functional.conv2d((a - b) ** 2, w).mean((1, 2, 3)) for a, b, w in layers)
    assert network(truth, guess) == pytest.approx(expected.numpy(), rel=1e-4)
    assert network(truth, truth) == pytest.approx([0, 0])
    assert published_name("lpips", network.identity) == "lpips"


def test_a_random_trunk_gives_rand_lpips_that_grows_with_noise():
    network = LpipsNetwork.random(3, "alex")
    truth = np.full((1, 64, 64, 3), 128, np.uint8)
    noise = np.random.default_rng(0).normal(size=truth.shape)
    values = [network(truth, np.clip(128 + s * noise, 0, 255).astype(np.uint8))[0] for s in (2, 10, 40)]
    assert values == sorted(values)
    assert published_name("lpips", network.identity) == "rand_lpips"
    assert LpipsNetwork.random(3, "alex").identity == network.identity != LpipsNetwork.random(4, "alex").identity


def test_weights_of_another_form_are_refused(tmp_path):
    lpips_files(tmp_path, mark="probe")
    trunk, heads = tmp_path / "trunk.safetensors", tmp_path / "heads.safetensors"
    assert published_name("lpips", LpipsNetwork(trunk, heads).identity) == "probe_lpips"
    with pytest.raises(BadInput, match="features"):
        LpipsNetwork(trunk, heads, "vgg")
    with pytest.raises(BadInput, match="lin0"):
        LpipsNetwork(trunk, trunk)
    (tmp_path / "pickle.pth").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(BadInput, match="no safetensors"):
        LpipsNetwork(tmp_path / "pickle.pth", heads)
    with pytest.raises(BadInput, match="32 are needed"):
        LpipsNetwork(trunk, heads)(clip(1, 16, 16), clip(1, 16, 16))


def test_faces_are_arcface_from_a_file_and_the_chart_without(tmp_path):
    pooled(tmp_path / "w600k.onnx", ["N", 3, 112, 112], 512)
    assert published_name("csim", FaceIdentity(tmp_path / "w600k.onnx").identity) == "csim"
    assert published_name("csim", FaceIdentity().identity) == "chart_csim"
    with pytest.raises(BadInput, match="no face"):
        FaceIdentity().embed(clip(1), np.zeros((1, 478, 3)))


def test_a_reader_collapses_what_its_network_says(tmp_path):
    # The network answers each frame's mean grey at 88 px times one column a symbol.
    columns = numpy_helper.from_array(np.array([[0.0, 1, -1]], np.float32), "columns")
    axes = numpy_helper.from_array(np.array([3, 4]), "axes")
    shape = numpy_helper.from_array(np.array([1, -1, 1]), "shape")
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["steps"]),
        helper.make_node("MatMul", ["steps", "columns"], ["y"]),
    ]
    save(tmp_path / "reader.onnx", nodes, [1, 1, "T", 88, 88], [1, "T", 3], [columns, axes, shape])
    reader = LipReader(tmp_path / "reader.onnx", ["-", "a", "b"])
    grey = np.array([255, 255, 0, 0, 255], np.uint8)
    mouths = np.broadcast_to(grey[:, None, None], (5, 96, 96)).copy()
    assert reader.read(mouths) == "aba"
    assert published_name("wer", reader.identity) == "wer"
    with pytest.raises(BadInput, match="2 were named"):
        LipReader(tmp_path / "reader.onnx", ["-", "a"]).read(mouths)
    assert mouth_input(mouths)[0, 0, 0, 0, 0] == pytest.approx((1 - 0.421) / 0.165)
    assert greedy(np.eye(3)[[0, 1, 1, 0, 1, 2, 2]], "-ab") == "aab"


def test_a_word_reader_names_the_likeliest_class(tmp_path):
    matrix = pooled(tmp_path / "words.onnx", [1, 1, "T", 88, 88], 500)
    reader = WordReader(tmp_path / "words.onnx")
    assert reader.read(np.full((4, 96, 96), 255, np.uint8)) == matrix[0].argmax()
    assert published_name("lrw_accuracy", reader.identity) == "lrw_accuracy"


@pytest.mark.parametrize(("features", "word"), [(RandomFeatures(0), "rand"), (CosineFeatures(), "dct")])
def test_plain_features_see_blur_and_have_names_of_their_own(features, word):
    draw = np.random.default_rng(0)
    frames = np.repeat(np.repeat(draw.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8), 8, 1), 8, 2)
    dull = (128 + (frames.astype(float) - 128) * 0.7).astype(np.uint8)
    duller = (128 + (frames.astype(float) - 128) * 0.3).astype(np.uint8)
    near, far = (frechet(features(frames), features(other)) for other in (dull, duller))
    assert 0 < near < far
    assert published_name("fid", features.identity) == f"{word}_fid"
    with pytest.raises(BadInput, match="float64"):
        features(frames / 255.0)
