"""A trained model as it is served: columns in, the answer that Merlin Models gives out."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..run import Run
from ..schema import Column
from ..table import Table
from ..tasks.ranking import is_regression


@dataclass(frozen=True)
class Served:
    """One ONNX file to be."""

    name: str
    module: nn.Module
    columns: tuple[Column, ...]
    outputs: tuple[str, ...]
    is_tower: bool = False
    """It makes vectors that an index compares."""


class Answers(nn.Module):
    """Logits `[n, targets]` → one `[n, 1]` for each target: a probability, or the value of a regression."""

    def __init__(self, model: nn.Module, targets: tuple[Column, ...]):
        super().__init__()
        self.model = model
        self.regressions = [is_regression(t) for t in targets]

    def forward(self, inputs: Table) -> tuple[Tensor, ...]:
        logits = self.model(inputs)
        parts = [logits[:, i : i + 1] for i in range(len(self.regressions))]
        return tuple(part if regression else torch.sigmoid(part) for part, regression in zip(parts, self.regressions))


class Side(nn.Module):
    """One tower alone."""

    def __init__(self, model: Any, side: str):
        super().__init__()
        self.model, self.side = model, side

    def forward(self, inputs: Table) -> Tensor:
        answer: Tensor = getattr(self.model, self.side)(inputs)
        return answer


class Score(nn.Module):
    """A user's and an item's columns → their inner product `[n, 1]`."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, inputs: Table) -> Tensor:
        return (self.model.query(inputs) * self.model.item(inputs)).sum(1, keepdim=True)


class AllItems(nn.Module):
    """A session → a logit for each id of the item's domain, `[n, cardinality]`; ids that training has not seen get -1e9."""

    unseen: Tensor

    def __init__(self, model: Any, seen: Tensor, cardinality: int):
        super().__init__()
        self.model = model
        out = torch.full((cardinality,), -1e9)
        out[seen] = 0
        self.register_buffer("unseen", out, persistent=False)

    def forward(self, inputs: Table) -> Tensor:
        logits: Tensor = self.model.query(inputs) @ self.model.inputs.items.T
        return logits + self.unseen


def served_models(run: Run) -> list[Served]:
    """The files of a run, by its kind."""
    model, schema = run.model, run.schema
    if run.kind == "ranking":
        outputs = tuple(f"{t.name}/{'regression' if is_regression(t) else 'binary'}_output" for t in schema.targets)
        return [Served("model", Answers(model, schema.targets), schema.features, outputs)]
    if run.kind == "pairs":
        return [Served("model", Probability(model), model.columns, ("score",))]
    query = Served("query_tower", Side(model, "query"), model.query_columns, ("query_embedding",), is_tower=True)
    item = model.item_columns[0]
    if run.kind == "session":
        every = AllItems(model, run.catalogue[item.name], item.cardinality or 0)
        return [Served("model", every, model.query_columns, (f"{item.name}/categorical_output",)), query]
    made = [query]
    if not any(c.is_list for c in model.query_columns):
        made.append(Served("model", Score(model), (*model.query_columns, *model.item_columns), ("score",)))
    # If an item's vector is a look-up by its id, the table of vectors is enough.
    if len(model.item_columns) > 1 or run.recipe.architecture == "two_tower":
        made.append(Served("item_tower", Side(model, "item"), model.item_columns, ("item_embedding",), is_tower=True))
    return made


class Probability(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, inputs: Table) -> Tensor:
        return torch.sigmoid(self.model(inputs))
