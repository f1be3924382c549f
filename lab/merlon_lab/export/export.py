"""`merlon-lab export`: a run folder → ONNX files, item vectors, and `model.json`, which describes them."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import LabError
from ..factors import FACTORS, save_factors
from ..loader import open_dataset
from ..run import Run, load_run
from ..table import Table, rows_of, slice_rows
from .embeddings import write_embeddings
from .modules import Served, served_models
from .onnx_file import check_rows_alone, difference, export_onnx

EXAMPLE_ROWS = 64


def export(folder: Path, out: Path, *, precision: str = "float32", items: Path | None = None, key: str | None = None) -> Iterator[str]:
    """Yields a line for each file. All of them are written, or none. Raises LabError."""
    run = load_run(folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        lines = list(_write(run, temporary, precision, items, key))
        out.mkdir(exist_ok=True)
        for path in sorted(temporary.iterdir()):
            os.replace(path, out / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    yield from (f"{out}/{line}" for line in lines)


def _write(run: Run, out: Path, precision: str, items: Path | None, key: str | None) -> Iterator[str]:
    if run.kind == "forest":
        yield from _write_forest(run, out, precision)
        return
    from .variants import VARIANTS

    files = []
    for served in served_models(run):
        path = out / f"{served.name}.onnx"
        made = export_onnx(served, example_of(run, served), path)
        drift = made.difference
        if precision != "float32":
            VARIANTS[precision](path, variant := path.with_suffix(".variant"))
            os.replace(variant, path)
            check_rows_alone(served, example_of(run, served), path)
            drift = difference(served, example_of(run, served), path)
        size = path.stat().st_size
        files.append({"file": path.name, "inputs": made.inputs, "outputs": made.outputs, "bytes": size, "opset": made.opset, "difference": drift})
        yield f"{path.name:<18} {size / 1024:>8.0f} KiB   opset {made.opset}   differs from PyTorch by at most {drift:.1e}"
    if run.kind in ("retrieval", "session", "factors"):
        count = write_embeddings(run, out / "item_embeddings.parquet", items, key)
        yield f"item_embeddings.parquet   {count:,} items; next: merlon index build --data … --id {key or run.model.item_columns[0].name} --embedding item_embedding"
    if run.kind == "factors":
        save_factors(run.model, out / FACTORS)
        files.append({"file": FACTORS, "users": len(run.model.users.weight), "items": len(run.model.items.weight)})
        yield f"{FACTORS}   for predictImplicit(…): encoded user ids in, the best encoded item ids out"
    document = {"architecture": run.recipe.architecture, "precision": precision, "files": files}
    (out / "model.json").write_text(json.dumps(document, indent=2) + "\n")


def _write_forest(run: Run, out: Path, precision: str) -> Iterator[str]:
    from ..forest import FILES

    if precision != "float32":
        raise LabError("A forest has no other precision: its splits compare float32 numbers. Leave `--precision` away.")
    name = FILES[run.recipe.architecture]
    forest = f"forest{Path(name).suffix}"
    shutil.copyfile(run.folder / name, out / forest)
    features = [c.name for c in run.schema.features]
    (out / "model.json").write_text(json.dumps({"architecture": run.recipe.architecture, "files": [{"file": forest, "features": features}]}, indent=2) + "\n")
    yield f"{forest}   for predictForest(…); columns in this order: {', '.join(features)}"


def example_of(run: Run, served: Served) -> Table:
    """Rows of the training data; of an item tower, items."""
    if served.name == "item_tower":
        return slice_rows(run.catalogue, 0, min(EXAMPLE_ROWS, rows_of(run.catalogue)))
    dataset = open_dataset(run.recipe.data, served.columns, "training data")
    table = dataset.read(dataset.groups[0])
    return slice_rows(table, 0, min(EXAMPLE_ROWS, rows_of(table)))
