"""DeepFM (Guo et al., 2017): a factorisation machine and a deep network over the same embeddings."""

import torch
from torch import Tensor, nn

from ..blocks.cross import pairwise_sum
from ..blocks.inputs import Features
from ..blocks.linear import Linear
from ..blocks.mlp import mlp
from ..schema import Schema
from ..table import Table
from .mlp import MLPOptions


class DeepFM(nn.Module):
    """Features → logits `[n, 1]`. A number's column vector is multiplied by the number in the pairs."""

    def __init__(self, schema: Schema, options: MLPOptions):
        super().__init__()
        self.features = Features(schema.features, options.dim, options.shared)
        self.first = Linear(schema.features)
        self.number_vectors = nn.Parameter(torch.randn(len(self.features.numbers), options.dim) * 0.05)
        self.deep = mlp([self.features.width, *options.hidden, 1], options.dropout)

    def forward(self, inputs: Table) -> Tensor:
        vectors, numbers = self.features(inputs)
        deep = self.deep(torch.cat([vectors.flatten(1), numbers], dim=1)).squeeze(1)
        if self.features.numbers:
            vectors = torch.cat([vectors, numbers.unsqueeze(2) * self.number_vectors], dim=1)
        logit: Tensor = self.first(inputs) + pairwise_sum(vectors) + deep
        return logit.unsqueeze(1)
