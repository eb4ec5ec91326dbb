"""Recurrent classifiers of sequences: a score of every step, with padding that changes nothing."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Kind = Literal["bilstm", "gru", "lstm"]


class SeqHead(nn.Module):
    """A recurrent layer and a linear one: (B, T, inputs) with lengths (B,) -> logits (B, T, classes)."""

    def __init__(self, kind: Kind, inputs: int, hidden: int, classes: int = 2, he_recurrent: bool = False):
        super().__init__()
        two = kind == "bilstm"
        layer = nn.GRU if kind == "gru" else nn.LSTM
        self.rnn = layer(inputs, hidden, batch_first=True, bidirectional=two)
        self.head = nn.Linear(hidden * (1 + two), classes)
        if he_recurrent:
            for name, weight in self.rnn.named_parameters():
                if name.startswith("weight_hh"):
                    # He et al. (2015): the variance is two over the inputs of a unit.
                    nn.init.normal_(weight, std=math.sqrt(2 / hidden))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])
        return self.head(hidden)


def mean_over_steps(values: Tensor, lengths: Tensor) -> Tensor:
    """Mean over each sequence's own steps: (B, T), lengths (B,) -> (B,)."""
    inside = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
    return (values * inside).sum(1) / lengths
