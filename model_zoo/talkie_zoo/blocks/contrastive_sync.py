"""A contrastive loss between what is heard and what is seen in the same frame. Scorers of synchrony that judge answers
are `talkie.evaluation`'s."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEMPERATURE, MOST_NEGATIVES = 0.07, 100


def info_nce(anchors: Tensor, positives: Tensor, negatives: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """-log of the share of each anchor's positive among it and its negatives, by cosine (van den Oord et al. 2018).

    anchors, positives (N, C), negatives (N, K, C), all of unit length -> mean over N, a scalar; log(K + 1) by chance.
    """
    logits = torch.cat([(anchors * positives).sum(-1, keepdim=True), torch.einsum("nc,nkc->nk", anchors, negatives)], 1)
    return F.cross_entropy(logits / temperature, torch.zeros(len(anchors), dtype=torch.long, device=logits.device))


class ContrastiveSync(nn.Module):
    """A frame's sound is the anchor, its picture the positive; negatives are the sound of OTHER frames of the batch, at
    most 100 or half of them, drawn from torch's random state (TalkLip's form)."""

    def __init__(self, audio: int, video: int):
        super().__init__()
        self.audio = nn.Linear(audio, video)

    def heard(self, audio: Tensor) -> Tensor:
        """Unit vectors (N, video) of audio features (N, audio)."""
        return F.normalize(self.audio(F.normalize(audio, dim=-1)), dim=-1)

    def forward(self, audio: Tensor, video: Tensor) -> Tensor:
        """Features (N, audio) and (N, video) of the same N frames, at least 2 -> scalar."""
        heard, count = self.heard(audio), len(audio)
        others = torch.rand(count, count - 1).argsort(1)[:, : min(MOST_NEGATIVES, count // 2)]
        # Numbers of the other frames: one's own is stepped over.
        others = others + (others >= torch.arange(count)[:, None])
        return info_nce(heard, F.normalize(video, dim=-1), heard[others])
