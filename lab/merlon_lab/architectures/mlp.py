"""A multi-layer perceptron over all features side by side."""

from dataclasses import dataclass

from torch import Tensor, nn

from ..blocks.inputs import Features
from ..blocks.mlp import mlp
from ..schema import Schema
from ..table import Table


@dataclass(frozen=True)
class MLPOptions:
    dim: int = 16
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.2
    shared: tuple[tuple[str, ...], ...] = ()


class MLP(nn.Module):
    """Features → logits `[n, targets]`."""

    def __init__(self, schema: Schema, options: MLPOptions):
        super().__init__()
        self.features = Features(schema.features, options.dim, options.shared)
        self.top = mlp([self.features.width, *options.hidden, len(schema.targets)], options.dropout)

    def forward(self, inputs: Table) -> Tensor:
        logits: Tensor = self.top(self.features.flat(inputs))
        return logits
