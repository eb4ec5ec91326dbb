"""The blocks that Hallo brings: what is published about their sizes, what they may not change, who sees what."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from talkie.errors import BadConfig, BadInput
from talkie_zoo.blocks.latents import OLD_NAMES, Autoencoder
from talkie_zoo.blocks.masked_audio_attention import MaskedAudioTransformer, pyramid
from talkie_zoo.blocks.reference_attention import ReferenceBlock
from talkie_zoo.blocks.stored_weights import FILE, load_named
from talkie_zoo.blocks.temporal_attention import TemporalModule
from talkie_zoo.blocks.unet import Conditions, UNet, UNetSizes, placed
from talkie_zoo.blocks.unet_parts import GroupNorm

IMAGE = UNetSizes(4, (8, 16), (True, True), 1, 2, 4, 12)
VIDEO = UNetSizes(4, (8, 16), (True, True), 1, 2, 4, 12, sound=12, length=8)
PUBLISHED = UNetSizes(4, (320, 640, 1280, 1280), (True, True, True, False), 2, 8, 32, 768)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def stirred(module: torch.nn.Module) -> torch.nn.Module:
    """With no zero left among the weights."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return module


def test_at_the_published_sizes_the_networks_have_the_published_numbers_of_parameters():
    """Stable Diffusion 1.5's U-Net and autoencoder, and AnimateDiff's second motion module, each to the last one."""
    with torch.device("meta"):
        assert parameters(UNet(PUBLISHED)) == 859_520_964
        assert parameters(Autoencoder((128, 256, 512, 512), 2, 32, 4)) == 83_653_863
        moving = UNet(UNetSizes(**{**vars(PUBLISHED), "length": 32}))
    modules = [m for m in moving.modules() if isinstance(m, TemporalModule)]
    assert (len(modules), sum(map(parameters, modules))) == (21, 453_209_280)


def test_the_image_network_answers_as_that_of_diffusers_under_the_same_names():
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=2,
        cross_attention_dim=12,
        norm_num_groups=4,
    ).eval()
    ours = UNet(UNetSizes(4, (8, 16), (True, False), 2, 2, 4, 12)).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, 12)
    torch.testing.assert_close(ours(x, t, Conditions(context))[0], theirs(x, t, context).sample, atol=1e-5, rtol=1e-4)


def test_the_autoencoder_answers_as_that_of_diffusers_under_the_same_names():
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=2,
        norm_num_groups=4,
    ).eval()
    ours = Autoencoder((8, 16), 2, 4, 4).eval()
    found = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert (found.missing_keys, found.unexpected_keys) == (["shift", "scale"], [])
    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    mean, logvar = ours.posterior(pictures)
    wanted = theirs.encode(pictures).latent_dist
    torch.testing.assert_close((mean, logvar), (wanted.mean, wanted.logvar), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.raw_decoded(mean), theirs.decode(mean).sample, atol=1e-4, rtol=1e-4)


def test_a_bank_of_ones_own_tokens_or_one_that_is_not_seen_changes_nothing():
    block, x, context = stirred(ReferenceBlock(8, 12, 2)), torch.randn(6, 5, 8), torch.randn(2, 3, 12)
    alone, normed = block(x, context)
    unseen = block(x, context, torch.randn(2, 5, 8), torch.tensor([True, True]))[0]
    torch.testing.assert_close(unseen, alone)
    single = block(x[::3], context, normed[::3])[0]
    torch.testing.assert_close(single, alone[::3])
    half = block(x, context, torch.randn(2, 5, 8), torch.tensor([True, False]))[0]
    torch.testing.assert_close(half[:3], alone[:3])
    assert (half[3:] - alone[3:]).abs().max() > 1e-3


def test_a_bank_is_read_as_if_its_tokens_stood_beside_ones_own():
    """Attention over the joined tokens, written out."""
    block, x, context, bank = (
        ReferenceBlock(8, 12, 1),
        torch.randn(1, 5, 8),
        torch.randn(1, 3, 12),
        torch.randn(1, 4, 8),
    )
    a, normed = block.attn1, block.norm1(x)
    joined = torch.cat([normed, bank], 1)
    scores = torch.softmax(a.to_q(normed) @ a.to_k(joined).transpose(1, 2) / 8**0.5, -1)
    y = x + a.to_out[0](scores @ a.to_v(joined))
    y = y + block.attn2(block.norm2(y), context)
    torch.testing.assert_close(block(x, context, bank)[0], y + block.ff(block.norm3(y)))


def test_untrained_modules_of_sound_and_time_change_nothing():
    x = torch.randn(6, 8, 4, 4)
    assert torch.equal(TemporalModule(8, 2, 8, 4)(x, 3, torch.randn(2, 2, 8, 4, 4)), x)
    assert torch.equal(MaskedAudioTransformer(8, 12, 2, 4)(x, torch.randn(6, 2, 12), torch.rand(6, 3, 4, 4)), x)


def test_frames_see_each_other_at_their_own_place_and_those_before_them():
    module, x = stirred(TemporalModule(8, 2, 8, 8)), torch.randn(4, 8, 2, 2)
    moved = x.clone()
    moved[3] = torch.randn(8, 2, 2)
    assert (module(moved, 4)[0] - module(x, 4)[0]).abs().max() > 1e-4
    before = torch.randn(1, 2, 8, 2, 2)
    with_past = module(x, 4, before)
    assert with_past.shape == x.shape
    assert (with_past - module(x, 4)).abs().max() > 1e-4
    with pytest.raises(BadInput, match="9 frames in one pass of 8"):
        module(torch.randn(7, 8, 2, 2), 7, before)


def test_sound_enters_only_where_its_mask_is_and_only_with_its_weight():
    module = stirred(MaskedAudioTransformer(8, 12, 2, 4))
    x, one, other = torch.randn(2, 8, 4, 4), torch.randn(2, 3, 12), torch.randn(2, 3, 12)
    masks = torch.zeros(2, 3, 4, 4)
    masks[:, 2, 2:] = 1
    change = (module(x, one, masks) - module(x, other, masks)).abs().amax((0, 1))
    assert (change[:2] == 0).all()
    assert (change[2:] > 1e-5).all()
    deaf = module(x, one, masks, (1.0, 1.0, 0.0)) - module(x, other, masks, (1.0, 1.0, 0.0))
    assert (deaf == 0).all()


def test_masks_of_every_size_keep_their_mean():
    masks = torch.rand(1, 3, 64, 64)
    for side, found in pyramid(masks, (32, 8)).items():
        assert found.shape[-1] == side
        torch.testing.assert_close(found.mean((2, 3)), masks.mean((2, 3)))


def test_until_it_is_trained_the_video_network_is_the_image_network():
    image, video = UNet(IMAGE), UNet(VIDEO)
    missing = video.load_state_dict(stirred(image).state_dict(), strict=False)
    assert all(".audio_modules." in name or ".motion_modules." in name for name in missing.missing_keys)
    x, t, context = torch.randn(6, 4, 8, 8), torch.tensor([5, 700]), torch.randn(2, 2, 12)
    masks = pyramid(torch.rand(6, 3, 64, 64), video.slot_sides(8))
    wanted, tokens = image(x, t, Conditions(context))
    under = Conditions(context, sound=torch.randn(6, 2, 12), masks=masks, moving=True)
    assert torch.equal(video(x, t, under)[0], wanted)
    assert [tuple(k.shape[1:]) for k in tokens] == [(64, 8), (16, 16), (16, 16), (16, 16), (16, 16), (64, 8), (64, 8)]


def test_pictures_of_a_batch_do_not_see_each_other():
    net, context = stirred(UNet(IMAGE)), torch.randn(3, 2, 12)
    x, t = torch.randn(3, 4, 8, 8), torch.tensor([1, 500, 999])
    torch.testing.assert_close(net(x, t, Conditions(context))[0][1:2], net(x[1:2], t[1:2], Conditions(context[1:2]))[0])


def test_places_tell_every_row_and_column_from_every_other():
    table = placed(torch.zeros(1, 16, 8, 8))[0].flatten(1).T
    apart = torch.cdist(table, table) + torch.eye(64) * 9
    assert float(apart.min()) > 0.1


def test_latents_are_measured_to_unit_deviation_and_come_back():
    net = Autoencoder((4, 8), 1, 4, 3)
    pictures = torch.rand(16, 3, 8, 8) * 2 - 1
    net.measure(pictures)
    latents = net.encode(pictures)
    assert latents.shape == (16, 3, 4, 4)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std(), torch.ones(()), atol=1e-2, rtol=0)
    torch.testing.assert_close(net.decode(latents), net.raw_decoded(net.posterior(pictures)[0]).clamp(-1, 1))


def test_a_linear_code_begins_with_the_principal_components_of_patches():
    pictures = torch.rand(6, 3, 8, 8) * 2 - 1
    net = Autoencoder((4, 8), 1, 4, 5, linear=True)
    net.begin(pictures)
    colour = pictures.mean((0, 2, 3), keepdim=True)
    patches, again = (patches_of(x - colour) for x in (pictures, net.raw_decoded(net.posterior(pictures)[0]).detach()))
    axes = np.linalg.svd(patches, full_matrices=False)[2][:5]
    np.testing.assert_allclose(again, patches @ axes.T @ axes, atol=1e-4)


def patches_of(pictures: torch.Tensor) -> np.ndarray:
    """(N, 12) of 2 x 2 pixels each."""
    return pictures.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).numpy()


def test_files_with_the_old_names_of_attention_load_and_others_are_refused(tmp_path):
    net, fresh = stirred(Autoencoder((4, 8), 1, 4, 3)), Autoencoder((4, 8), 1, 4, 3)
    state = {n: t.contiguous() for n, t in net.state_dict().items() if n not in ("shift", "scale")}
    for old, new in OLD_NAMES.items():
        state = {name.replace(new, old): tensor for name, tensor in state.items()}
    assert any(".query." in name for name in state)
    with pytest.raises(BadConfig, match="no weights are stored"):
        fresh.load(tmp_path)
    save_file(state, tmp_path / FILE)
    fresh.load(tmp_path)
    assert all(torch.equal(t, net.state_dict()[n]) for n, t in fresh.state_dict().items())
    with pytest.raises(BadConfig, match="do not fit"):
        load_named(Autoencoder((4, 16), 1, 4, 3), tmp_path, own=("shift", "scale"), renamed=OLD_NAMES)


def test_group_norm_takes_transposed_tokens_through_frozen_weights():
    """torch's own has a backward pass of its own for these, which crashes."""
    norm = GroupNorm(4, 8).requires_grad_(False)
    tokens = torch.randn(4, 64, 8, requires_grad=True)
    norm(tokens.transpose(1, 2).reshape(4, 8, 8, 8)).square().sum().backward()
    flat = torch.nn.functional.group_norm(tokens.detach().transpose(1, 2).contiguous(), 4)
    torch.testing.assert_close(norm(tokens.transpose(1, 2).reshape(4, 8, 8, 8)).flatten(2), flat)
    assert torch.isfinite(tokens.grad).all()
