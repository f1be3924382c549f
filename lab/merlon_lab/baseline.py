"""`merlon-lab baseline`: what a trained model has to beat on the same data: the items' popularity and, of a ranking target, a logistic regression."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .blocks.linear import Linear
from .errors import LabError
from .loader import Dataset, open_dataset
from .metrics import auc, log_loss
from .schema import Column, Schema
from .table import Table, rows_of
from .tasks.ranking import is_regression
from .tasks.retrieval import RetrievalOptions, RetrievalTask
from .tasks.session import SessionTask

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)
"""L2 penalties of the regression: the best one on the held-out rows is used, so that the baseline is not weakened."""
STEPS = 60

Baselines = dict[str, dict[str, float]]


class Popular(nn.Module):
    """Two sides whose product is how often training saw the item: the same order for everyone."""

    counts: Tensor

    def __init__(self, user: Column | None, item: Column, seen: Tensor):
        super().__init__()
        self.query_columns, self.item_columns = (user or item,), (item,)
        self.name = item.name
        self.register_buffer("counts", torch.bincount(seen, minlength=item.cardinality or 0).float())

    def query(self, inputs: Table) -> Tensor:
        return torch.ones(rows_of(inputs), 1)

    def item(self, inputs: Table) -> Tensor:
        return self.counts[inputs[self.name]].unsqueeze(1)


def baselines(schema: Schema, data: Sequence[str], valid: Sequence[str]) -> Baselines:
    """Metrics by name of the baseline. With targets: AUC and log loss of the first; of pairs and sessions: the ranking metrics. Raises LabError."""
    train, held_out = open_dataset(data, schema.columns, "training data"), open_dataset(valid, schema.columns, "held-out data")
    if schema.targets:
        return _of_rows(schema, train, held_out)
    ids = [c for c in schema.features if c.has("item", "id")]
    lists = bool(ids) and all(c.is_list for c in ids)
    item = schema.only(["item", "id"], "A baseline", is_list=lists)
    table = train.read_all()
    options = RetrievalOptions("softmax", "all")
    if lists:
        model = Popular(None, item, table[f"{item.name}__values"])
        return {"popularity": SessionTask(model, schema, table, options).evaluate(held_out)}
    # With a history, each row is a query of its own.
    user = None if len(ids) > 1 else schema.only(["user", "id"], "A baseline")
    model = Popular(user, item, table[item.name])
    return {"popularity": RetrievalTask(model, schema, table, options).evaluate(held_out)}


def _of_rows(schema: Schema, train: Dataset, held_out: Dataset) -> Baselines:
    target = schema.targets[0]
    if is_regression(target):
        raise LabError(f"`{target.name}` is a regression target; baselines are of binary ones. Name one with `--target`.")
    inside, outside = train.read_all(), held_out.read_all()
    labels = outside[target.name].numpy()
    made: Baselines = {}
    item = next((c for c in schema.features if c.has("item", "id") and not c.is_list), None)
    if item is not None:
        often = torch.bincount(inside[item.name], minlength=item.cardinality or 0)
        made["popularity"] = {f"{target.name}/auc": auc(often[outside[item.name]].float().numpy(), labels)}
    answers = [_regress(schema, inside, inside[target.name], outside, strength) for strength in STRENGTHS]
    best = max(answers, key=lambda p: auc(p.numpy(), labels)).sigmoid().double().numpy()
    made["logistic regression"] = {f"{target.name}/auc": auc(best, labels), f"{target.name}/log_loss": log_loss(best, labels)}
    return made


def _regress(schema: Schema, inside: Table, labels: Tensor, outside: Table, strength: float) -> Tensor:
    """A weight per id and per number, fitted on all rows at once → logits of the held-out rows."""
    model = Linear(schema.features)
    weights = list(model.parameters())
    solver = torch.optim.LBFGS(weights, max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        solver.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(inside), labels) + strength * torch.stack([(w**2).sum() for w in weights]).sum()
        loss.backward()
        return float(loss.detach())

    solver.step(closure)
    with torch.no_grad():
        logits: Tensor = model.eval()(outside)
    return logits
