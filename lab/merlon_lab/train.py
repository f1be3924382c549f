"""`merlon-lab train`: schema + Parquet → a run folder."""

from pathlib import Path
from typing import Any

from .blocks.position import position_of
from .distributed import World
from .loader import open_dataset
from .logged import Logged, summarize
from .report import print_epoch, print_metrics
from .run import Recipe, build_model, needed_columns, task_of
from .run_folder import draw_curve, open_run, save_weights, write_json
from .schema import Schema, to_json
from .training import Epoch, TrainingOptions, fit


def train(
    recipe: Recipe, schema: Schema, valid_paths: list[str], out: Path, *, overwrite: bool = False, world: World = World(), quiet: bool = False
) -> dict[str, Any]:
    """Trains and writes the run folder. Returns the metrics of the best epoch. Raises LabError; then there is no `metrics.json`."""
    schema = needed_columns(recipe, schema)
    recipe = Recipe(**{**recipe.__dict__, "schema": to_json(schema)})
    dataset = open_dataset(recipe.data, schema.columns, "training data")
    valid = open_dataset(valid_paths, schema.columns, "held-out data")
    logged = Logged(**recipe.logged)
    weights = summarize(logged, dataset)
    summarize(logged, valid)
    if not world.is_first:
        task = task_of(recipe, schema, build_model(recipe, schema), dataset)
        return fit(task, dataset, valid, TrainingOptions(**recipe.training), world).best.metrics
    with open_run(out, overwrite=overwrite) as folder:
        write_json(folder / "run.json", recipe.document())
        if recipe.found.kind == "forest":
            from .forest import train_forest

            metrics = train_forest(recipe, schema, dataset, valid, folder)
        elif recipe.found.kind == "factors":
            from .factors import train_factors

            metrics = train_factors(recipe, schema, dataset, valid, folder)
        else:
            metrics = _train_network(recipe, schema, dataset, valid, folder, world, quiet)
        if logged.weighs:
            metrics["weights"] = weights.document()
        write_json(folder / "metrics.json", metrics)
    if not quiet:
        print_metrics(metrics["best"], f"{recipe.architecture} in {out}")
        if logged.weighs:
            print(weights)
    best: dict[str, Any] = metrics["best"]
    return best


def _train_network(recipe: Recipe, schema: Schema, dataset: Any, valid: Any, folder: Path, world: World, quiet: bool) -> dict[str, Any]:
    import torch

    options = TrainingOptions(**recipe.training)
    torch.manual_seed(options.seed)
    model = build_model(recipe, schema)
    task = task_of(recipe, schema, model, dataset)
    history: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> None:
        history.append(epoch)
        write_json(folder / "history.json", [e.__dict__ for e in history])
        if not quiet:
            print_epoch(epoch, task.monitor.name)

    trained = fit(task, dataset, valid, options, world, on_epoch)
    catalogue = getattr(task, "catalogue", None)
    save_weights(folder, {"model": model.state_dict(), "catalogue": catalogue.table if catalogue else {}})
    draw_curve(folder / "curve.png", history, task.monitor.name)
    seconds = sum(e.seconds for e in trained.history)
    position = position_of(model)
    return {
        **({} if position is None else {"positions": {t.name: values for t, values in zip(schema.targets, position.learned())}}),
        "best": trained.best.metrics,
        "monitor": task.monitor.name,
        "best_epoch": trained.best.number,
        "epochs": len(trained.history),
        "rows": dataset.rows,
        "train_seconds": round(seconds, 3),
        "rows_per_second": round(dataset.rows * len(trained.history) / seconds),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
