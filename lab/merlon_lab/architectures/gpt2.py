"""A transformer in GPT-2's form (Radford et al., 2019, and SASRec, Kang and McAuley, 2018). It has learned positions and normalization before each part."""

import torch
from torch import Tensor, nn

from ..blocks.attention import Layer
from ..blocks.sequence import SequenceOptions
from ..schema import Schema
from .session import SessionModel


class Transformer(nn.Module):
    """`[n, length, dim]` → the same. Causal: a place sees itself and those before; masked: all that are filled."""

    before: Tensor

    def __init__(self, options: SequenceOptions):
        super().__init__()
        self.places = nn.Parameter(torch.randn(options.length, options.dim) * 0.02)
        self.layers = nn.ModuleList(Layer(options.dim, options.heads, options.length, options.dropout, relative=False) for _ in range(options.layers))
        self.norm = nn.LayerNorm(options.dim)
        before = torch.ones(options.length, options.length, dtype=torch.bool)
        self.register_buffer("before", before.tril() if options.masking == "causal" else before, persistent=False)

    def forward(self, vectors: Tensor, filled: Tensor) -> Tensor:
        x = vectors + self.places
        allowed = (self.before & filled.unsqueeze(1)).unsqueeze(1)
        for layer in self.layers:
            x = layer(x, allowed)
        states: Tensor = self.norm(x)
        return states


class GPT2(SessionModel):
    def __init__(self, schema: Schema, options: SequenceOptions):
        super().__init__(schema, options, Transformer(options))
