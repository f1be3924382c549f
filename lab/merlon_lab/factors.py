"""ALS through `implicit` (Hu et al., 2008). User and item factors have the form of our matrix factorization, so that they are measured, exported and served alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from .blocks.inputs import Embeddings
from .errors import LabError
from .loader import Dataset
from .run_folder import save_weights
from .schema import Schema
from .table import Table
from .tasks.retrieval import RetrievalOptions, RetrievalTask

if TYPE_CHECKING:
    from .run import Recipe

FACTORS = "factors.npz"


class Factors(nn.Module):
    """Ids → factors `[n, dim]`."""

    def __init__(self, schema: Schema, dim: int):
        super().__init__()
        user, item = schema.only(["user", "id"], "ALS"), schema.only(["item", "id"], "ALS")
        self.query_columns, self.item_columns = (user,), (item,)
        self.users, self.items = Embeddings([user], dim), Embeddings([item], dim)

    def query(self, inputs: Table) -> Tensor:
        return self.users(inputs).squeeze(1)

    def item(self, inputs: Table) -> Tensor:
        return self.items(inputs).squeeze(1)


def factor_model(schema: Schema, dim: int) -> nn.Module:
    return Factors(schema, dim)


def save_factors(model: Factors, path: Path) -> None:
    """In the form of the library's `save`, for readers of its files."""
    np.savez(path, user_factors=model.users.weight.detach().numpy(), item_factors=model.items.weight.detach().numpy())


def train_factors(recipe: "Recipe", schema: Schema, train: Dataset, valid: Dataset, folder: Path) -> dict[str, Any]:
    try:
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import coo_matrix
    except ImportError as error:
        raise LabError("`als` needs the package `implicit`: `pip install 'merlon-lab[als]'`.") from error
    options = recipe.options
    table = train.read_all()
    model = Factors(schema, options["dim"])
    user, item = model.query_columns[0], model.item_columns[0]
    shape = (user.cardinality or 0, item.cardinality or 0)
    pairs = (table[user.name].numpy(), table[item.name].numpy())
    counts = coo_matrix((np.ones(len(pairs[0]), dtype=np.float32), pairs), shape=shape).tocsr()
    als = AlternatingLeastSquares(
        factors=options["dim"],
        regularization=options["regularization"],
        alpha=options["alpha"],
        iterations=options["iterations"],
        random_state=recipe.training["seed"],
        num_threads=torch.get_num_threads(),
    )
    als.fit(counts, show_progress=False)
    with torch.no_grad():
        model.users.weight.copy_(torch.from_numpy(als.user_factors))
        model.items.weight.copy_(torch.from_numpy(als.item_factors))
    task = RetrievalTask(model.eval(), schema, table, RetrievalOptions(loss="bpr", negatives="uniform", count=1))
    metrics = task.evaluate(valid)
    save_weights(folder, {"model": model.state_dict(), "catalogue": task.catalogue.table})
    return {"best": metrics, "monitor": task.monitor.name, "rows": train.rows, "parameters": sum(p.numel() for p in model.parameters())}
