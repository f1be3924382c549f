"""A transformer in XLNet's form (Yang et al., 2019), with distances instead of positions and normalization after each part. It is trained by hiding items, as in Transformers4Rec."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..blocks.attention import Layer
from ..blocks.sequence import SequenceOptions
from ..schema import Schema
from .session import SessionModel


@dataclass(frozen=True)
class XLNetOptions(SequenceOptions):
    masking: str = "masked"


class RelativeTransformer(nn.Module):
    """`[n, length, dim]` → the same."""

    before: Tensor

    def __init__(self, options: SequenceOptions):
        super().__init__()
        # The first layer is normalized after, not before: its input must have unit size already.
        self.first = nn.LayerNorm(options.dim)
        self.layers = nn.ModuleList(Layer(options.dim, options.heads, options.length, options.dropout, relative=True) for _ in range(options.layers))
        self.out = nn.Linear(options.dim, options.dim)
        before = torch.ones(options.length, options.length, dtype=torch.bool)
        self.register_buffer("before", before.tril() if options.masking == "causal" else before, persistent=False)

    def forward(self, vectors: Tensor, filled: Tensor) -> Tensor:
        x = self.first(vectors)
        allowed = (self.before & filled.unsqueeze(1)).unsqueeze(1)
        for layer in self.layers:
            x = layer(x, allowed)
        states: Tensor = self.out(x)
        return states


class XLNet(SessionModel):
    def __init__(self, schema: Schema, options: XLNetOptions):
        super().__init__(schema, options, RelativeTransformer(options))
