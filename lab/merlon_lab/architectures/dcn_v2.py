"""DCN-v2 (Wang et al., 2021): a cross network that multiplies features, beside or below a deep one."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from ..blocks.cross import Cross
from ..blocks.inputs import Features
from ..blocks.mlp import mlp
from ..errors import LabError
from ..schema import Schema
from ..table import Table


@dataclass(frozen=True)
class DCNOptions:
    dim: int = 16
    depth: int = 3
    """How many times features are crossed."""
    rank: int | None = None
    """Rank of the cross weights; none: full."""
    structure: str = "parallel"
    """`parallel` or `stacked`."""
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.2
    shared: tuple[tuple[str, ...], ...] = ()


class DCNv2(nn.Module):
    """Features → logits `[n, targets]`."""

    def __init__(self, schema: Schema, options: DCNOptions):
        super().__init__()
        if options.structure not in ("parallel", "stacked"):
            raise LabError(f"`{options.structure}` is no structure of DCN-v2. Choose `parallel` or `stacked`.")
        self.features = Features(schema.features, options.dim, options.shared)
        width = self.features.width
        self.stacked = options.structure == "stacked"
        self.cross = Cross(width, options.depth, options.rank)
        self.deep = mlp([width, *options.hidden], options.dropout, activate_last=True)
        self.out = nn.Linear(options.hidden[-1] + (0 if self.stacked else width), len(schema.targets))

    def forward(self, inputs: Table) -> Tensor:
        features = self.features.flat(inputs)
        crossed = self.cross(features)
        if self.stacked:
            logits: Tensor = self.out(self.deep(crossed))
            return logits
        # Both halves of the last layer one by one, without a copy of them side by side.
        width, weight = crossed.shape[1], self.out.weight
        return functional.linear(crossed, weight[:, :width], self.out.bias) + functional.linear(self.deep(features), weight[:, width:])
