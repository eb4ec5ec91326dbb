"""EMOTE's shared blocks against closed forms, torch's own layers, and plain counting."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from talkie.errors import BadInput
from talkie_zoo.blocks.alibi import AlibiLayer, alibi_bias, alibi_slopes
from talkie_zoo.blocks.audio import MELS, LogMelEncoder
from talkie_zoo.blocks.critics import ClipClassifier, LipReader, clip_distance, frame_cross_entropy, frame_distance
from talkie_zoo.blocks.exchange import derangement, doubled
from talkie_zoo.blocks.injectors import ConcatInjector
from talkie_zoo.blocks.motion_vae import STRIDE, Squash, TemporalVAE, kl_to_normal, to_stride


def test_the_slopes_of_eight_heads_are_those_of_the_paper():
    torch.testing.assert_close(
        alibi_slopes(8), torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256])
    )


@pytest.mark.parametrize("period", [1, 3, 30])
def test_the_bias_steps_with_distance_and_is_alike_for_past_and_future(period):
    bias = alibi_bias(4, 70, period)
    i, j = np.indices((70, 70))
    for head, slope in enumerate([1 / 4, 1 / 16, 1 / 64, 1 / 256]):
        np.testing.assert_allclose(bias[head], -slope * (abs(i - j) // period), atol=1e-7)
    torch.testing.assert_close(bias, bias.transpose(1, 2))


def test_the_layer_equals_torchs_post_norm_layer_under_the_same_bias():
    torch.manual_seed(0)
    ours, theirs = (
        AlibiLayer(16, 4, 24).eval(),
        torch.nn.TransformerEncoderLayer(16, 4, 24, 0.0, F.gelu, batch_first=True),
    )
    pairs = {
        "self_attn.in_proj_weight": ours.qkv.weight, "self_attn.in_proj_bias": ours.qkv.bias,
        "self_attn.out_proj.weight": ours.out.weight, "self_attn.out_proj.bias": ours.out.bias,
        "linear1.weight": ours.wide.weight, "linear1.bias": ours.wide.bias,
        "linear2.weight": ours.narrow.weight, "linear2.bias": ours.narrow.bias,
        "norm1.weight": ours.norm_attention.weight, "norm1.bias": ours.norm_attention.bias,
        "norm2.weight": ours.norm_feedforward.weight, "norm2.bias": ours.norm_feedforward.bias,
    }  # fmt: skip
    theirs.load_state_dict({name: value.detach() for name, value in pairs.items()})
    x = torch.randn(2, 9, 16)
    bias = alibi_bias(4, 9).repeat(2, 1, 1)
    # In training mode torch takes no fused path; dropout is 0.
    torch.testing.assert_close(ours(x), theirs.train()(x, src_mask=bias), atol=1e-5, rtol=0)


def test_padding_changes_no_real_frame():
    torch.manual_seed(0)
    layer, reader = AlibiLayer(16, 4, 16).eval(), LipReader(6, 16, 5).eval()
    clip = ClipClassifier(6, 16, 4, (3, 2), 0.0, 0.0).eval()
    mask = torch.arange(12)[None] < 7
    x, y = torch.randn(1, 12, 16), torch.randn(1, 12, 6)
    torch.testing.assert_close(layer(x, mask)[:, :7], layer(x[:, :7]), atol=1e-5, rtol=0)
    torch.testing.assert_close(reader(y, mask)[:, :7], reader(y[:, :7], mask[:, :7]), atol=1e-5, rtol=0)
    torch.testing.assert_close(clip.features(y, mask), clip.features(y[:, :7], mask[:, :7]), atol=1e-5, rtol=0)


def test_the_kl_term_is_that_of_torchs_normal_distributions():
    mean, logvar = torch.randn(3, 5), torch.randn(3, 5)
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(kl_to_normal(mean, logvar), expected)
    assert not kl_to_normal(torch.zeros(2, 4), torch.zeros(2, 4)).any()


@pytest.mark.parametrize("frames", [8, 24, 64])
def test_the_prior_has_a_latent_per_eight_frames_and_gives_the_frames_back(frames):
    prior = TemporalVAE(7, 16, 4, 16).eval()
    mean, logvar = prior.encode(torch.randn(2, frames, 7))
    assert mean.shape == logvar.shape == (2, frames // STRIDE, 16)
    assert prior.decode(mean).shape == (2, frames, 7)


def test_an_untrained_prior_answers_its_bias_whatever_the_latents():
    prior = TemporalVAE(7, 16, 4, 16).eval()
    motion = prior.decode(torch.randn(2, 3, 16))
    torch.testing.assert_close(motion, prior.smooth.bias.expand_as(motion))


def test_the_other_start_of_the_prior_smooths_nothing_and_draws_close_to_the_mean():
    prior, x = TemporalVAE(7, 16, 4, 16, out_std=0.1).eval(), torch.randn(2, 16, 7)
    torch.testing.assert_close(prior.smooth(x.transpose(1, 2)).transpose(1, 2) - prior.smooth.bias, x)
    torch.testing.assert_close(prior.encode(x)[1], torch.full((2, 2, 16), prior.NARROW), atol=0.5, rtol=0)


def test_another_voice_stretches_the_bands_and_colours_them_alike_in_every_row():
    torch.manual_seed(0)
    encoder, rows = LogMelEncoder(8, 0, 2, 0.0), torch.randn(30, MELS)
    colour = encoder.revoiced(rows, 0.0) - rows
    torch.testing.assert_close(colour, colour[:1].expand_as(colour), atol=1e-5, rtol=0)
    # A parabola has no third difference.
    assert float(colour[0].diff(n=3).abs().max()) < 1e-4
    peak = torch.zeros(30, MELS)
    peak[:, 60] = 1e3
    places = {int(encoder.revoiced(peak, 0.12)[0].argmax()) for _ in range(20)}
    assert len(places) > 3
    assert all(60 / 1.12 - 1 <= place <= 60 / 0.88 + 1 for place in places)


def test_the_prior_draws_in_training_and_takes_the_mean_in_use():
    prior, x = TemporalVAE(7, 16, 4, 16, out_std=0.5), torch.randn(4, 16, 7)
    assert not torch.equal(prior(x)[0], prior(x)[0])
    prior.eval()
    torch.testing.assert_close(prior(x)[0], prior.decode(prior(x)[1]))


@pytest.mark.parametrize(("frames", "latents"), [(1, 1), (8, 1), (9, 2), (64, 8)])
def test_squashing_pads_the_end_with_zeros_and_stacks_eight_frames(frames, latents):
    squash, x = Squash(3, 5), torch.randn(2, frames, 3)
    padded = torch.cat([x, torch.zeros(2, latents * STRIDE - frames, 3)], 1)
    torch.testing.assert_close(to_stride(x), padded)
    out = squash(x)
    assert out.shape == (2, latents, 5)
    last = padded[:, -STRIDE:].reshape(2, -1) @ squash.linear.weight.T + squash.linear.bias
    torch.testing.assert_close(out[:, -1], last)


def test_a_derangement_is_a_permutation_without_a_fixed_point():
    torch.manual_seed(0)
    for count in range(2, 12):
        for _ in range(50):
            order = derangement(count).tolist()
            assert sorted(order) == list(range(count))
            assert all(k != place for place, k in enumerate(order))
    assert derangement(2).tolist() == [1, 0]


def test_every_other_element_is_as_likely_a_donor():
    torch.manual_seed(0)
    first = np.bincount([int(derangement(5)[0]) for _ in range(2000)], minlength=5) / 2000
    # Five standard deviations of a share of 1/4.
    np.testing.assert_allclose(first, [0, 0.25, 0.25, 0.25, 0.25], atol=5 * (0.25 * 0.75 / 2000) ** 0.5)


def test_one_element_has_nobody_to_exchange_with():
    with pytest.raises(BadInput, match="two clips"):
        derangement(1)


def test_the_copy_of_a_batch_keeps_its_content_and_takes_the_donors_condition():
    kept, condition, donors = torch.tensor([1, 2, 3]), torch.tensor([10, 20, 30]), torch.tensor([1, 2, 0])
    content, given = doubled(kept, condition, donors)
    assert content.tolist() == [1, 2, 3, 1, 2, 3]
    assert given.tolist() == [10, 20, 30, 20, 30, 10]


def test_a_condition_may_be_one_for_all_frames_or_one_a_frame():
    injector, x, style = ConcatInjector(4, 6), torch.randn(2, 5, 3), torch.randn(2, 4)
    once, each = injector(x, style), injector(x, style[:, None].expand(-1, 5, -1))
    assert once.shape == (2, 5, 9)
    torch.testing.assert_close(once, each)


def test_perceptual_distances_are_zero_for_equals_and_two_for_opposites():
    x, mask = torch.randn(2, 5, 8), torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    assert float(frame_distance(x, 3 * x, mask)) == pytest.approx(0, abs=1e-6)
    assert float(frame_distance(x, -x, mask)) == pytest.approx(2, abs=1e-6)
    assert float(clip_distance(x[:, 0], -x[:, 0])) == pytest.approx(2, abs=1e-6)


def test_the_cross_entropy_of_frames_ignores_padding():
    scores, labels = torch.randn(2, 4, 3), torch.randint(3, (2, 4))
    mask = torch.tensor([[True, True, False, False], [True] * 4])
    expected = F.cross_entropy(scores[mask], labels[mask])
    torch.testing.assert_close(frame_cross_entropy(scores, labels, mask), expected)
