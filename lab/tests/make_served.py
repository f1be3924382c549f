"""`python tests/make_served.py OUT`: trains each architecture for a moment, exports it, and writes what PyTorch answers for a few rows.

OUT/models/NAME/…, and OUT/expected.json: for each file its inputs (column → dtype, list or not), rows, and answers by output.
"""

import contextlib
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from made import make_pairs, make_sessions, with_history

from merlon_lab.architectures import ARCHITECTURES
from merlon_lab.cli import main as merlon_lab
from merlon_lab.export.export import example_of, export
from merlon_lab.export.modules import served_models
from merlon_lab.export.onnx_file import answers
from merlon_lab.forest import matrix, predict
from merlon_lab.loader import open_dataset
from merlon_lab.run import Run, load_run
from merlon_lab.table import Table, slice_rows

ROWS = 9
TARGETS = {"mmoe": ("purchase", "click", "stars:regression"), "ple": ("click", "stars:regression")}
SMALL = ("dim=16",)


def train(name: str, out: Path) -> Path:
    kind = ARCHITECTURES[name].kind  # type: ignore[index]
    home = out / ("sessions" if kind == "session" else "pairs")
    schema = home / "history" if name in ("youtube_dnn", "dcn_v2") else home
    targets = TARGETS.get(name, ("purchase",)) if kind in ("ranking", "forest") else ()
    options = ("trees=12",) if kind == "forest" else SMALL
    arguments = ["train", name, "--schema", schema, "--data", home / "train.parquet", "--valid", home / "valid.parquet", "--out", out / "runs" / name]
    arguments += ["--epochs", "1", "--lr", "0.01", *(word for t in targets for word in ("--target", t)), *(word for o in options for word in ("--set", o))]
    merlon_lab([str(a) for a in arguments])
    return out / "runs" / name


def rows_as_json(table: Table, run: Run, columns: tuple[Any, ...]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for column in columns:
        if column.is_list:
            offsets = table[f"{column.name}__offsets"].tolist()
            values = table[f"{column.name}__values"].tolist()
            rows = [values[a:b] for a, b in zip(offsets, offsets[1:])]
        else:
            rows = table[column.name].tolist()
        made[column.name] = {"dtype": column.dtype, "list": column.is_list, "rows": rows}
    return made


def expected(run: Run, name: str) -> list[dict[str, Any]]:
    if run.kind == "forest":
        table = slice_rows(open_dataset(run.recipe.data, run.schema.columns).read_all(), 0, ROWS)
        outputs = {"score": predict(run.model, matrix(table, run.schema)).reshape(-1, 1).tolist()}
        return [
            {
                "file": f"models/{name}/forest{'.json' if name == 'xgboost' else '.txt'}",
                "inputs": rows_as_json(table, run, run.schema.features),
                "outputs": outputs,
            }
        ]
    made = []
    for served in served_models(run):
        table = slice_rows(example_of(run, served), 0, ROWS)
        outputs = {output: answer.astype(np.float64).tolist() for output, answer in zip(served.outputs, answers(served, table))}
        made.append({"file": f"models/{name}/{served.name}.onnx", "inputs": rows_as_json(table, run, served.columns), "outputs": outputs})
    return [*made, recommended(run)] if run.kind == "factors" else made


def recommended(run: Run) -> dict[str, Any]:
    """The best of all items, for `predictImplicit`."""
    table = slice_rows(open_dataset(run.recipe.data, run.schema.columns).read_all(), 0, ROWS)
    with torch.no_grad():
        scores, ids = (run.model.query(table) @ run.model.items.weight.T).topk(5)
    outputs = {"ids": ids.tolist(), "scores": scores.tolist()}
    return {"file": "models/als/factors.npz", "inputs": rows_as_json(table, run, run.model.query_columns), "outputs": outputs}


def raw_sessions(out: Path) -> dict[str, Any]:
    """A model of sessions that a Merlon workflow encoded: raw sessions, and the raw ids of the five items that PyTorch puts first."""
    data = str(out / "encoded-sessions.parquet")
    files = ["--schema", str(out / "etl"), "--data", data, "--valid", data, "--out", str(out / "runs" / "session")]
    with contextlib.redirect_stdout(io.StringIO()):
        merlon_lab(["train", "gpt2", *files, "--epochs", "2", "--batch", "64", "--lr", "0.01", "--set", "dim=16", "--set", "layers=1"])
        run = load_run(out / "runs" / "session")
        list(export(run.folder, out / "models" / "session", items=out / "encoded-items.parquet", key="item_key"))
    table = slice_rows(open_dataset(data, run.schema.columns).read_all(), 0, ROWS)
    vectors = pq.read_table(out / "models" / "session" / "item_embeddings.parquet")
    with torch.no_grad():
        scores = run.model.query(table) @ torch.tensor(vectors["item_embedding"].to_pylist()).T
    keys = vectors["item_key"].to_numpy()
    asked = pq.read_table(out / "raw-sessions.parquet")["item_id"].to_pylist()[:ROWS]
    return {"asked": asked, "answered": keys[scores.topk(5, dim=1).indices.numpy()].tolist()}


def main(out: Path, names: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    make_pairs(out / "pairs", 600)
    with_history(out / "pairs")
    make_sessions(out / "sessions", 200)
    document = {}
    for name in names or list(ARCHITECTURES):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            run = load_run(train(name, out))
            list(export(run.folder, out / "models" / name))
        document[name] = expected(run, name)
    if (out / "encoded-sessions.parquet").exists():
        (out / "session.json").write_text(json.dumps(raw_sessions(out)))
    (out / "expected.json").write_text(json.dumps(document))
    print(f"{len(document)} architectures, {sum(len(v) for v in document.values())} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
