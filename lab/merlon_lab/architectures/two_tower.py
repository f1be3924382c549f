"""Two towers (Yi et al., 2019): a user's and an item's features → vectors whose inner product says how well they go together."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from ..blocks.inputs import Features
from ..blocks.mlp import mlp
from ..errors import LabError
from ..schema import Column, Schema
from ..table import Table


@dataclass(frozen=True)
class TowerOptions:
    dim: int = 32
    """Dimension of embeddings."""
    hidden: tuple[int, ...] = (64,)
    out: int = 32
    """Dimension of the compared vectors."""
    normalize: bool = True
    """Vectors of length 1: scores are cosines, divided by the temperature while training."""


class Tower(nn.Module):
    """Columns → `[n, out]`."""

    def __init__(self, columns: Sequence[Column], options: TowerOptions):
        super().__init__()
        self.features = Features(columns, options.dim)
        self.mlp = mlp([self.features.width, *options.hidden, options.out])
        self.normalize = options.normalize

    def forward(self, inputs: Table) -> Tensor:
        vectors = self.mlp(self.features.flat(inputs))
        return functional.normalize(vectors, dim=1) if self.normalize else vectors


def sides(schema: Schema) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Columns of the query (user, context, what the user did before) and of the item."""
    # A list of item ids is what the user did; another list of an item's, such as genres, is the item's own.
    items = tuple(c for c in schema.features if "item" in c.tags and not (c.is_list and c.tags & {"id", "sequence", "user"}))
    queries = tuple(c for c in schema.features if c not in items)
    for side, columns, helper in (("user", queries, "tagAsUserFeatures()"), ("item", items, "tagAsItemFeatures()")):
        if not columns:
            raise LabError(
                f"Retrieval needs columns of both sides; {schema.path} has none of the {side}'s. Write `>> {helper}` after them in the workflow, and fit it again."
            )
    return queries, items


class TwoTower(nn.Module):
    """`query`: user columns → `[n, out]`; `item`: item columns → `[n, out]`."""

    def __init__(self, schema: Schema, options: TowerOptions):
        super().__init__()
        self.query_columns, self.item_columns = sides(schema)
        self.query_tower, self.item_tower = (Tower(c, options) for c in (self.query_columns, self.item_columns))

    def query(self, inputs: Table) -> Tensor:
        vectors: Tensor = self.query_tower(inputs)
        return vectors

    def item(self, inputs: Table) -> Tensor:
        vectors: Tensor = self.item_tower(inputs)
        return vectors
