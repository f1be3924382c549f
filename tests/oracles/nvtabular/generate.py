"""Runs the cases through NVTabular 23.08 (hashes: through pandas) and writes tests/fixtures/nvtabular/*.json.

    python tests/oracles/nvtabular/generate.py
"""
import datetime
import json
import math
import os
import pathlib
import sys
import tempfile
import warnings

if os.environ.get("PYTHONHASHSEED") != "0":  # Merlin prints tags in the order of a set
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})

warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import nvtabular as nvt  # noqa: E402
from merlin.io import Dataset  # noqa: E402
from merlin.schema import ColumnSchema, Schema  # noqa: E402
from merlin.schema.io.tensorflow_metadata import TensorflowMetadata  # noqa: E402
import merlin.dtypes as md  # noqa: E402
from pandas.util import hash_pandas_object  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cases import CASES, DIFFERENT  # noqa: E402
from function_cases import FUNCTION_CASES  # noqa: E402
from time_cases import TIME_CASES, TIMES_DIFFERENT  # noqa: E402

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "nvtabular"


def series(values, dtype):
    if dtype.startswith("list<") or dtype == "string":
        return pd.Series(values, dtype="object")
    if dtype.startswith("timestamp<"):
        unit = unit_of([dtype])
        times = pd.Series(pd.to_datetime(pd.array(values, dtype="Int64"), unit="D" if unit == "d" else unit)).astype("datetime64[ns]")
        return times.dt.date.astype("object").where(times.notna(), None) if unit == "d" else times
    # pandas has no integer null: such a column is float64 there.
    return pd.Series(values, dtype="float64" if None in values and "float" not in dtype else dtype)


def frame(columns, types):
    return pd.DataFrame({name: series(values, types[name]) for name, values in columns.items()})


TICKS = {"d": 86_400_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def unit_of(types):
    """The unit of a case's times."""
    return next((t.removeprefix("timestamp<").removesuffix(">") for t in types if t.startswith("timestamp<")), None)


def plain(value, unit=None):
    """A value as JSON: integers beyond 2^53 and floats that JSON lacks as text, NaN as null, times as numbers."""
    if value is None or value is pd.NaT or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return None
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item, unit) for item in value]
    if isinstance(value, (pd.Timestamp, np.datetime64, datetime.date)):
        return plain(pd.Timestamp(value).value // TICKS[unit])
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value) if abs(int(value)) < 2**53 else str(int(value))
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    return str(value)


def columns(df, unit):
    return {name: [plain(value, unit) for value in df[name].tolist()] for name in df.columns}


def run(case):
    fit = frame(case["fit"], case["types"])
    request = frame(case["request"] or case["fit"], case["types"])
    if case["oracle"] == "pandas":
        buckets = case["links"][0]["params"]["numBuckets"]
        if case["links"][0]["op"] == "hashedCross":
            crossed = np.bitwise_xor.reduce([hash_pandas_object(fit[name], index=False).values for name in fit.columns])
            return {"_X_".join(fit.columns): [int(h % buckets) for h in crossed.tolist()]}, None
        return {"x": [int(h % buckets) for h in hash_pandas_object(fit["x"], index=False).tolist()]}, None
    workflow = nvt.Workflow(case["graph"]())
    workflow.fit(Dataset(fit, cpu=True))
    answer = workflow.transform(Dataset(request, cpu=True)).to_ddf().compute()
    schema = json.loads(TensorflowMetadata.from_merlin_schema(workflow.output_schema).to_json())
    return columns(answer, unit_of(case["types"].values())), schema["feature"]


def columns_of(cells):
    return {name: [plain(value) for value in values] for name, values in cells.items()}


def document(case):
    expected, schema = run(case)
    written = {
        "name": case["name"],
        "oracle": case["oracle"],
        "types": case["types"],
        "links": case["links"],
        "fit": {name: plain(values) for name, values in case["fit"].items()},
    }
    if case["request"]:
        written["request"] = {name: plain(values) for name, values in case["request"].items()}
    written["expected"] = expected
    if schema:
        written["schema"] = schema
    if case["learnt"]:
        written["learnt"] = {name: {what: plain(value) for what, value in stats.items()} for name, stats in case["learnt"]().items()}
    if case["files"]:
        written["files"] = {name: {**file, "cells": columns_of(file["cells"])} for name, file in case["files"].items()}
    if case["note"]:
        written["note"] = case["note"]
    return written


def write(name, documents):
    lines = ",\n".join(json.dumps(d, ensure_ascii=False) for d in documents)
    (FIXTURES / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{name}: {len(documents)} cases")


def understood(schema):
    return [
        {"name": c.name, "dtype": c.dtype.name, "dims": c.shape.as_tuple, "tags": sorted(t.value for t in c.tags), "properties": c.properties}
        for c in schema
    ]


def schemas():
    """Merlin's reading of the files that Merlon prints, and Merlin's own output for the same columns."""
    ours = {"pbtxt": FIXTURES / "ours.schema.pbtxt", "json": FIXTURES / "ours.schema.json"}
    if not all(path.exists() for path in ours.values()):
        return
    read = {
        "pbtxt": TensorflowMetadata.from_proto_text(ours["pbtxt"].read_text()).to_merlin_schema(),
        "json": TensorflowMetadata.from_json(ours["json"].read_text()).to_merlin_schema(),
    }
    seen = {form: understood(schema) for form, schema in read.items()}
    (FIXTURES / "merlin-read.json").write_text(json.dumps(seen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    columns = [
        ColumnSchema("item_id", dtype=md.int64, tags=["item", "categorical"], properties={
            "domain": {"min": 0, "max": 9, "name": "item_id"}, "embedding_sizes": {"cardinality": 10, "dimension": 16},
            "num_buckets": 1, "cat_path": "categories/unique.item_id.arrow"}),
        ColumnSchema("price", dtype=md.float32, tags=["continuous"]),
        ColumnSchema("ids", dtype=md.int32, dims=(None, (0, None))),
        ColumnSchema("vector", dtype=md.float32, dims=(None, 4)),
        ColumnSchema("few", dtype=md.float64, dims=(None, (1, 5)), properties={"note": ["a \"quoted\" é\n", True, None, {"x": 1.5}]}),
        ColumnSchema("brand", dtype=md.string),
    ]
    theirs = TensorflowMetadata.from_merlin_schema(Schema(columns))
    (FIXTURES / "theirs.schema.pbtxt").write_text(theirs.to_proto_text(), encoding="utf-8")
    (FIXTURES / "theirs.schema.json").write_text(theirs.to_json() + "\n", encoding="utf-8")
    print("schemas")


if __name__ == "__main__":
    FIXTURES.mkdir(parents=True, exist_ok=True)
    os.chdir(tempfile.mkdtemp())
    documents, failed = [], []
    for one in [*CASES, *TIME_CASES, *FUNCTION_CASES]:
        try:
            documents.append(document(one))
        except Exception as error:  # a case NVTabular cannot answer is reported, never written
            failed.append((one["name"], repr(error)[:200]))
    write("cases.json", documents)
    write("different.json", [document(one) for one in [*DIFFERENT, *TIMES_DIFFERENT]])
    schemas()
    for name, error in failed:
        print(f"no answer: {name}: {error}", file=sys.stderr)
    sys.exit(1 if failed else 0)
