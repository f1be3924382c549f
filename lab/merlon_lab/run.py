"""A finished run, loaded: what it was trained on, and the model as it was at its best."""

import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .architectures import Architecture, architecture
from .blocks.position import PositionTerm
from .errors import LabError
from .loader import Dataset, open_dataset
from .logged import Logged, RowWeights, summarize, with_logged
from .options import restore
from .run_folder import read_json
from .schema import Schema, from_json
from .table import Table
from .tasks.ranking import RankingTask
from .tasks.retrieval import RetrievalOptions, RetrievalTask
from .tasks.session import SessionTask
from .tasks.task import Task


@dataclass(frozen=True)
class Recipe:
    """All options of a training: `run.json`."""

    architecture: str
    options: dict[str, Any]
    training: dict[str, Any]
    loss: str
    retrieval: dict[str, Any]
    data: list[str]
    schema: list[dict[str, Any]]
    logged: dict[str, Any] = field(default_factory=dict)
    """Columns of the exposure log that training reads, as `Logged` names them."""

    @property
    def found(self) -> Architecture:
        return architecture(self.architecture)

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "torch": torch.__version__, "python": platform.python_version()}


@dataclass(frozen=True)
class Run:
    folder: Path
    recipe: Recipe
    schema: Schema
    model: Any
    """A module; a forest's booster for trees."""
    catalogue: Table

    @property
    def kind(self) -> str:
        return self.recipe.found.kind


def load_run(folder: Path) -> Run:
    """Raises LabError for a folder without a finished run."""
    document = read_json(folder, "run.json")
    read_json(folder, "metrics.json")
    # Runs of older versions have no `logged`.
    recipe = Recipe(**{name: document[name] for name in Recipe.__dataclass_fields__ if name in document or name != "logged"})
    schema = from_json(recipe.schema, str(folder / "run.json"))
    if recipe.found.kind == "forest":
        from .forest import load_forest

        return Run(folder, recipe, schema, load_forest(folder, recipe.architecture, schema), {})
    saved = torch.load(folder / "model.pt", weights_only=True)
    model = build_model(recipe, schema)
    model.load_state_dict(saved["model"])
    return Run(folder, recipe, schema, model.eval(), saved["catalogue"])


def build_model(recipe: Recipe, schema: Schema) -> nn.Module:
    found = recipe.found
    if found.kind == "factors":
        from .factors import factor_model

        return factor_model(schema, recipe.options["dim"])
    assert found.build is not None
    model = found.build(schema, restore(found.options, recipe.options))
    logged = Logged(**recipe.logged)
    return model if logged.position is None else PositionTerm(model, logged.position, logged.position_model, len(schema.targets))


def task_of(recipe: Recipe, schema: Schema, model: nn.Module, train: Dataset) -> Task:
    found = recipe.found
    if found.kind == "ranking":
        logged = Logged(**recipe.logged)
        weights = RowWeights(logged, summarize(logged, train).mean)
        return RankingTask(model, schema, loss=recipe.loss, id_dropout=recipe.retrieval["id_dropout"], weights=weights)
    kind = SessionTask if found.kind == "session" else RetrievalTask
    return kind(model, schema, train.read_all(), RetrievalOptions(**recipe.retrieval))


def needed_columns(recipe: Recipe, schema: Schema) -> Schema:
    """The part of the schema that this architecture reads: lists for sessions, targets for rankings. Columns of the log are not features."""
    found = recipe.found
    logged = Logged(**recipe.logged)
    if logged.columns and found.kind not in ("ranking", "forest"):
        raise LabError(
            f"`{recipe.architecture}` learns from pairs or sessions, and weights and positions are of rows with a target. "
            "Take a ranking model or a forest, or leave `--weight`, `--propensity` and `--position` away."
        )
    if logged.position is not None and found.kind == "forest":
        raise LabError(f"`{recipe.architecture}` has no term for positions: a forest has no logit that is trained beside another one. Take a ranking model.")
    if found.kind in ("ranking", "forest"):
        if not schema.targets:
            raise LabError(
                f'{schema.path} has no target, and `{recipe.architecture}` learns one. Tag a column with `>> addTags("target", "binary")` in the workflow, '
                "or name one that `merlon transform --keep` carried along: `--target purchase`."
            )
        if found.targets is not None and len(schema.targets) > found.targets:
            raise LabError(
                f"`{recipe.architecture}` learns one target; {schema.path} has {len(schema.targets)}. Choose one with `--target`, or take `mmoe` or `ple`."
            )
        return with_logged(schema, logged)
    if found.kind == "session":
        return Schema(tuple(c for c in schema.features if c.is_list), schema.path)
    if found.kind in ("pairs", "factors") or recipe.architecture == "mf":
        return Schema((schema.only(["user", "id"], recipe.architecture), schema.only(["item", "id"], recipe.architecture)), schema.path)
    return Schema(schema.features, schema.path)


def describe(document: Any) -> str:
    return json.dumps(document, indent=2)


def open_training(recipe: Recipe, schema: Schema) -> Dataset:
    return open_dataset(recipe.data, schema.columns, "training data")
