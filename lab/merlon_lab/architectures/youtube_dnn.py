"""YouTubeDNN (Covington et al., 2016): a user's features and history → a vector. The next item is a softmax over a vector for each item."""

from torch import Tensor, nn

from ..blocks.inputs import Embeddings
from ..schema import Schema
from ..table import Table
from .two_tower import Tower, TowerOptions, sides


class YouTubeDNN(nn.Module):
    """`query`: user columns and lists of earlier items → `[n, out]`; `item`: the item's id → `[n, out]`, a look-up."""

    def __init__(self, schema: Schema, options: TowerOptions):
        super().__init__()
        item = schema.only(["item", "id"], "YouTubeDNN")
        schema.only(["item", "id"], "YouTubeDNN, for what the user watched before,", is_list=True)
        self.query_columns = tuple(c for c in sides(schema)[0] if not (c.has("user", "id")))
        self.item_columns = (item,)
        self.tower = Tower(self.query_columns, options)
        self.items = Embeddings([item], options.out)
        self.normalize = options.normalize

    def query(self, inputs: Table) -> Tensor:
        vectors: Tensor = self.tower(inputs)
        return vectors

    def item(self, inputs: Table) -> Tensor:
        vectors: Tensor = self.items(inputs).squeeze(1)
        return nn.functional.normalize(vectors, dim=1) if self.normalize else vectors
