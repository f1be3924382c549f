"""`merlon-lab evaluate`: a run folder + Parquet → metrics."""

from collections.abc import Sequence
from pathlib import Path

from .loader import open_dataset
from .run import Run, load_run, open_training, task_of
from .run_folder import write_json


def evaluate(folder: Path, paths: Sequence[str]) -> dict[str, float]:
    """Metrics of the run's model on this data; written beside it as `evaluation.json`. Raises LabError."""
    run = load_run(folder)
    metrics = measure_run(run, paths)
    write_json(folder / "evaluation.json", {"data": list(paths), "metrics": metrics})
    return metrics


def measure_run(run: Run, paths: Sequence[str]) -> dict[str, float]:
    held_out = open_dataset(paths, run.schema.columns, "evaluation data")
    if run.kind == "forest":
        from .forest import measure_forest

        return measure_forest(run.recipe, run.schema, run.model, held_out)
    # Users' known items, and the items to recommend, are from the training data.
    task = task_of(run.recipe, run.schema, run.model, open_training(run.recipe, run.schema))
    run.model.eval()
    return task.evaluate(held_out)
