"""Trees: XGBoost and LightGBM over the schema's columns, in order; saved in the format that `predictForest` reads."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import LabError
from .loader import Dataset
from .logged import Logged, RowWeights, raw_weights, summarize
from .metrics import auc, log_loss, rmse
from .schema import Column, Schema
from .table import Table
from .tasks.ranking import is_regression

if TYPE_CHECKING:
    from .run import Recipe

FILES = {"xgboost": "model.json", "lightgbm": "model.txt"}


def matrix(table: Table, schema: Schema) -> np.ndarray:
    """float32 `[rows, features]`, columns in the schema's order."""
    lists = [c.name for c in schema.features if c.is_list]
    if lists:
        raise LabError(f"Column `{lists[0]}` is a list, and trees read one number per column. Take it out of the workflow.")
    return np.stack([table[c.name].numpy().astype(np.float32) for c in schema.features], axis=1)


def train_forest(recipe: "Recipe", schema: Schema, train: Dataset, valid: Dataset, folder: Path) -> dict[str, Any]:
    target = schema.targets[0]
    inside, outside = train.read_all(), valid.read_all()
    x, y = matrix(inside, schema), inside[target.name].numpy()
    held_x, held_y = matrix(outside, schema), outside[target.name].numpy()
    fit = _fit_xgboost if recipe.architecture == "xgboost" else _fit_lightgbm
    weights = _weights(recipe, train)
    data, held = (x, y, weights(inside)), (held_x, held_y, weights(outside))
    model, history = fit(recipe, schema, data, held, folder / FILES[recipe.architecture])
    metrics = _metrics(target, predict(model, held_x), held_y, held[2])
    return {"best": metrics, "monitor": next(iter(metrics)), "trees": len(history), "rows": train.rows}


Rows = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Features `[rows, features]`, labels and weights `[rows]`."""


def _weights(recipe: "Recipe", train: Dataset) -> Callable[[Table], np.ndarray | None]:
    logged = Logged(**recipe.logged)
    weights = RowWeights(logged, summarize(logged, train).mean)

    def of(table: Table) -> np.ndarray | None:
        found = weights.of(table)
        return None if found is None else found.numpy()

    return of


def _fit_xgboost(recipe: "Recipe", schema: Schema, train: Rows, valid: Rows, path: Path) -> tuple[Any, list[float]]:
    xgboost = _package("xgboost")
    options, regression = recipe.options, is_regression(schema.targets[0])
    names = [c.name for c in schema.features]
    seen: dict[str, Any] = {}
    booster = xgboost.train(
        {
            "objective": "reg:squarederror" if regression else "binary:logistic",
            "eval_metric": "rmse" if regression else "logloss",
            "max_depth": options["depth"],
            "eta": options["learning_rate"],
            "seed": recipe.training["seed"],
            "nthread": 1,
        },
        xgboost.DMatrix(train[0], train[1], weight=train[2], feature_names=names),
        options["trees"],
        evals=[(xgboost.DMatrix(valid[0], valid[1], weight=valid[2], feature_names=names), "valid")],
        early_stopping_rounds=20,
        evals_result=seen,
        verbose_eval=False,
    )
    booster = booster[: booster.best_iteration + 1]
    booster.save_model(path)
    return booster, next(iter(seen["valid"].values()))


def _fit_lightgbm(recipe: "Recipe", schema: Schema, train: Rows, valid: Rows, path: Path) -> tuple[Any, list[float]]:
    lightgbm = _package("lightgbm")
    options, regression = recipe.options, is_regression(schema.targets[0])
    data = lightgbm.Dataset(train[0], train[1], weight=train[2], feature_name=[c.name for c in schema.features])
    seen: dict[str, Any] = {}
    booster = lightgbm.train(
        {
            "objective": "regression" if regression else "binary",
            "learning_rate": options["learning_rate"],
            "num_leaves": options["leaves"],
            "seed": recipe.training["seed"],
            "num_threads": 1,
            "deterministic": True,
            "verbosity": -1,
        },
        data,
        options["trees"],
        valid_sets=[lightgbm.Dataset(valid[0], valid[1], weight=valid[2], reference=data)],
        callbacks=[lightgbm.early_stopping(20, verbose=False), lightgbm.record_evaluation(seen)],
    )
    booster.save_model(path)
    return booster, next(iter(seen["valid_0"].values()))


def _package(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise LabError(f"`{name}` is not installed: `pip install 'merlon-lab[trees]'`.") from error


def load_forest(folder: Path, name: str, schema: Schema) -> Any:
    package = _package(name)
    path = folder / FILES[name]
    if name == "lightgbm":
        return package.Booster(model_file=path)
    booster = package.Booster()
    booster.load_model(path)
    return booster


def predict(model: Any, x: np.ndarray) -> np.ndarray:
    """Probabilities, or values, `[rows]`."""
    if type(model).__module__.startswith("xgboost"):
        return np.asarray(model.inplace_predict(x, validate_features=False))
    return np.asarray(model.predict(x))


def measure_forest(recipe: "Recipe", schema: Schema, model: Any, held_out: Dataset) -> dict[str, float]:
    table = held_out.read_all()
    target = schema.targets[0]
    logged = Logged(**recipe.logged)
    weights = None if not logged.weighs else raw_weights(logged, table).numpy()
    return _metrics(target, predict(model, matrix(table, schema)), table[target.name].numpy(), weights)


def _metrics(target: Column, answers: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> dict[str, float]:
    if is_regression(target):
        return {f"{target.name}/rmse": rmse(answers, labels, weights)}
    return {f"{target.name}/auc": auc(answers, labels, weights), f"{target.name}/log_loss": log_loss(answers, labels, weights)}
