"""Wide & Deep (Cheng et al., 2016): a linear model that memorizes, beside a deep one that generalizes."""

from torch import Tensor, nn

from ..blocks.linear import Linear
from ..schema import Schema
from ..table import Table
from .mlp import MLP, MLPOptions


class WideAndDeep(nn.Module):
    """Features → logits `[n, targets]`."""

    def __init__(self, schema: Schema, options: MLPOptions):
        super().__init__()
        self.wide = nn.ModuleList(Linear(schema.features) for _ in schema.targets)
        self.deep = MLP(schema, options)

    def forward(self, inputs: Table) -> Tensor:
        logits: Tensor = self.deep(inputs)
        for target, wide in enumerate(self.wide):
            logits = logits + nn.functional.pad(wide(inputs).unsqueeze(1), (target, len(self.wide) - 1 - target))
        return logits
