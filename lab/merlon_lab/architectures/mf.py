"""Matrix factorization (Koren et al., 2009), trained as BPR by default, by Rendle et al., 2009. It has a vector for each user and each item, and a bias for the item."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..blocks.inputs import Embeddings
from ..schema import Schema
from ..table import Table


@dataclass(frozen=True)
class MFOptions:
    dim: int = 64
    std: float = 0.02
    """Deviation of the initial random vectors."""


class MF(nn.Module):
    """Ids → vectors `[n, dim + 1]` whose inner product is the score: the user's last number is 1, the item's is its bias."""

    def __init__(self, schema: Schema, options: MFOptions):
        super().__init__()
        user, item = schema.only(["user", "id"], "MF"), schema.only(["item", "id"], "MF")
        self.query_columns, self.item_columns = (user,), (item,)
        self.users = Embeddings([user], options.dim, std=options.std)
        self.items = Embeddings([item], options.dim, std=options.std)
        self.bias = Embeddings([item], 1, std=0.0)

    def query(self, inputs: Table) -> Tensor:
        vectors = self.users(inputs).squeeze(1)
        return torch.cat([vectors, torch.ones_like(vectors[:, :1])], dim=1)

    def item(self, inputs: Table) -> Tensor:
        return torch.cat([self.items(inputs).squeeze(1), self.bias(inputs).squeeze(1)], dim=1)
