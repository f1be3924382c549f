"""NCF, as NeuMF (He et al., 2017): a generalized matrix factorization and a perceptron over a user and an item, with embeddings of their own."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..blocks.inputs import Embeddings
from ..blocks.mlp import mlp
from ..schema import Schema
from ..table import Table


@dataclass(frozen=True)
class NCFOptions:
    dim: int = 32
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.1


class NCF(nn.Module):
    """A user's and an item's id → logit `[n, 1]`."""

    def __init__(self, schema: Schema, options: NCFOptions):
        super().__init__()
        columns = (schema.only(["user", "id"], "NCF"), schema.only(["item", "id"], "NCF"))
        self.columns = columns
        self.products = Embeddings(columns, options.dim)
        self.pairs = Embeddings(columns, options.dim)
        self.deep = mlp([2 * options.dim, *options.hidden], options.dropout, activate_last=True)
        self.out = nn.Linear(options.dim + options.hidden[-1], 1)

    def forward(self, inputs: Table) -> Tensor:
        products = self.products(inputs).prod(1)
        logit: Tensor = self.out(torch.cat([products, self.deep(self.pairs(inputs).flatten(1))], dim=1))
        return logit
