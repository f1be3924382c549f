"""DLRM (Naumov et al., 2019): embeddings and a bottom network meet in pairwise inner products, a top network decides."""

import torch
from torch import Tensor, nn

from ..blocks.cross import PairwiseProducts
from ..blocks.inputs import Features
from ..blocks.mlp import mlp
from ..schema import Schema
from ..table import Table
from .mlp import MLPOptions


class DLRM(nn.Module):
    """Features → logits `[n, targets]`."""

    def __init__(self, schema: Schema, options: MLPOptions):
        super().__init__()
        self.features = Features(schema.features, options.dim, options.shared)
        numbers = len(self.features.numbers)
        self.bottom = mlp([numbers, options.hidden[0], options.dim]) if numbers else None
        vectors = self.features.fields + (1 if numbers else 0)
        self.products = PairwiseProducts(vectors)
        pairs = vectors * (vectors - 1) // 2
        self.top = mlp([options.dim * vectors + pairs, *options.hidden, len(schema.targets)], options.dropout)

    def forward(self, inputs: Table) -> Tensor:
        vectors, numbers = self.features(inputs)
        if self.bottom is not None:
            vectors = torch.cat([self.bottom(numbers).unsqueeze(1), vectors], dim=1)
        logits: Tensor = self.top(torch.cat([vectors.flatten(1), self.products(vectors)], dim=1))
        return logits
