"""What the systems share: each block against a closed form or torch's own operation."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from talkie.heads import builtin_head
from talkie_zoo.blocks.audio import LogMelEncoder, normalise
from talkie_zoo.blocks.batches import assigned, masked_mean, pad
from talkie_zoo.blocks.head_basis import RestrictedHead, spread
from talkie_zoo.blocks.pca import PCA, principal_components
from talkie_zoo.blocks.temporal import TemporalDecoder, crossfaded, mask_of, resample, windows


@pytest.mark.parametrize(("source", "target"), [(50, 25), (51, 25), (7, 20), (1, 4), (9, 1)])
def test_resampling_equals_torchs_linear_interpolation(source, target):
    x = torch.randn(1, source, 3)
    padded = F.pad(x, (0, 0, 0, 11))
    ours = resample(padded, torch.tensor([source]), torch.tensor([target]), target + 2)
    theirs = F.interpolate(x.transpose(1, 2), size=target, mode="linear", align_corners=True).transpose(1, 2)
    torch.testing.assert_close(ours[:, :target], theirs, atol=1e-5, rtol=0)
    assert not ours[:, target:].any()


def test_padding_changes_nothing_in_the_encoder_and_the_decoder():
    torch.manual_seed(0)
    encoder, decoder = LogMelEncoder(16, 2, 2, 0.1).eval(), TemporalDecoder(16, 16, 4, 0.1).eval()
    short, long, style = torch.randn(20, 80), torch.randn(33, 80), torch.randn(2, 4)

    def run(inputs, styles):
        x, lengths = pad(inputs)
        mask = mask_of(lengths, x.shape[1])
        return decoder(encoder.context(encoder.features(x, lengths)[0], mask), styles, mask)

    with torch.no_grad():
        together, alone = run([short, long], style), run([short], style[:1])
    torch.testing.assert_close(together[0, :20], alone[0], atol=1e-5, rtol=0)


def test_normalised_audio_has_zero_mean_and_unit_variance_and_silence_stays_silent():
    loud = normalise(np.random.default_rng(0).normal(0.3, 0.02, 4000).astype(np.float32))
    assert abs(loud.mean()) < 1e-4
    assert loud.std() == pytest.approx(1, abs=1e-3)
    assert not normalise(np.zeros(100, np.float32)).any()


@pytest.mark.parametrize("frames", [1, 9, 10, 11, 25, 30])
def test_windows_cover_every_frame_and_share_the_overlap(frames):
    spans = list(windows(frames, 10, 3))
    assert spans[0][0] == 0
    assert spans[-1][1] == frames
    assert all(a[1] - b[0] == 3 for a, b in pairwise(spans))


def test_crossfading_pieces_of_one_signal_gives_the_signal():
    signal = torch.randn(47, 2)
    torch.testing.assert_close(crossfaded(47, 10, 4, lambda a, b: signal[a:b]), signal)


def test_a_crossfade_moves_linearly_from_one_window_to_the_next():
    values = iter([0.0, 1.0])
    mixed = crossfaded(16, 10, 4, lambda a, b: torch.full((b - a, 1), next(values)))
    torch.testing.assert_close(mixed[6:10, 0], torch.tensor([0.2, 0.4, 0.6, 0.8]))


def test_principal_components_match_the_singular_value_decomposition():
    data = np.random.default_rng(0).normal(size=(30, 50)) * np.linspace(3, 0.1, 50)
    mean, rows = (t.numpy() for t in principal_components(torch.from_numpy(data), 5))
    _, _, expected = np.linalg.svd(data - data.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(rows @ expected[:5].T), np.eye(5), atol=1e-4)
    np.testing.assert_allclose(mean, data.mean(0), atol=1e-6)


def test_pca_keeps_low_rank_motion_whole_and_asks_for_no_more_components():
    draw = np.random.default_rng(1)
    x = torch.from_numpy((draw.normal(size=(40, 3)) @ draw.normal(size=(3, 60))).astype(np.float32))
    pca = PCA.fit(x, 20)
    assert pca.components == 3
    torch.testing.assert_close(pca.decode(pca.encode(x)), x, atol=1e-4, rtol=0)
    assert pca.explained(x) == pytest.approx(1, abs=1e-5)
    assert float(pca.encode(x)[:, 0].std()) == pytest.approx(1, abs=0.03)


def test_what_pca_cannot_express_is_the_distance_to_its_reconstruction():
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(40, 12)).astype(np.float32))
    pca = PCA.fit(x, 4)
    expected = (pca.decode(pca.encode(x)) - x).square().sum(-1)
    torch.testing.assert_close(pca.outside(x), expected, atol=1e-4, rtol=1e-4)


def test_a_restricted_head_moves_as_the_whole_one():
    head = builtin_head()
    picks = spread(head.regions["face"], 50)
    basis = RestrictedHead(head, picks)
    draw = torch.Generator().manual_seed(0)
    expression, jaw = torch.rand(6, 52, generator=draw), torch.randn(6, 3, generator=draw) * 0.15
    with torch.no_grad():
        rest = head.vertices(expression=torch.zeros(1, 52))
        expected = head.vertices(expression=expression, jaw=jaw) - rest
        torch.testing.assert_close(basis(expression, jaw), expected[:, picks], atol=1e-5, rtol=0)


def test_a_masked_mean_weighs_clips_equally_and_ignores_padding():
    values = torch.tensor([[1.0, 3.0, 99.0], [4.0, 99.0, 99.0]])
    mask = mask_of(torch.tensor([2, 1]), 3)
    assert float(masked_mean(values, mask)) == pytest.approx(3.0)
    assert float(masked_mean(values[:0], mask[:0])) == 0


def test_clips_fall_into_conventions_by_their_ids_in_the_given_shares():
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    drawn = [assigned(f"clip{i}", shares) for i in range(2000)]
    assert drawn == [assigned(f"clip{i}", shares) for i in range(2000)]
    for name, share in shares.items():
        # Five standard deviations of a binomial share.
        assert drawn.count(name) / 2000 == pytest.approx(share, abs=5 * (share * (1 - share) / 2000) ** 0.5)
