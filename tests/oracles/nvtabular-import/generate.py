"""Fits a workflow with NVTabular 23.08, exports it with tools/export_nvtabular.py, and keeps what NVTabular answers for rows it has not seen.

    python tests/oracles/nvtabular-import/generate.py        # in the environment of tests/oracles/nvtabular/requirements.txt

Writes tests/fixtures/nvtabular-import/: exported/ (graph.json and Parquet), rows.parquet, expected.json.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import nvtabular as nvt
import pandas as pd
from merlin.io import Dataset
from nvtabular import ops

ROOT = pathlib.Path(__file__).parents[3]
OUT = ROOT / "tests/fixtures/nvtabular-import"


def table(rows, seed, unseen):
    random = np.random.RandomState(seed)
    frame = pd.DataFrame(
        {
            "brand": random.choice(["acme", "bolt", "ü-shop", "cord", None] + (["new"] if unseen else []), rows),
            "city": random.choice(["Oslo", "Bari"], rows),
            "home": random.choice(["Oslo", "Bari", "Cork"], rows),
            "item_id": random.randint(1, 40 if unseen else 30, rows),
            "price": np.round(random.gamma(2, 20, rows), 2),
            "age": random.randint(18, 90, rows).astype("float64"),
            "views": random.randint(0, 1000, rows),
            "bought": random.randint(0, 2, rows).astype("float32"),
        }
    )
    frame.loc[::7, "price"] = None
    frame.loc[::11, "age"] = None
    return frame


def graph():
    ids = ["brand", "item_id"] >> ops.Categorify(freq_threshold={"item_id": 3, "brand": 1}) >> ops.AddTags(["id"])
    joint = [["city", "home"]] >> ops.Categorify(encode_type="joint")
    combo = [["brand", "city"]] >> ops.Categorify(encode_type="combo")
    price = ["price"] >> ops.FillMissing(0, add_binary_cols=True)
    price = price["price"] >> ops.Clip(min_value=1, max_value=100) >> ops.LogOp() >> ops.Normalize(out_dtype=np.float32)
    age = ["age"] >> ops.FillMedian() >> ops.Rename(postfix="_filled_in")
    views = ["views"] >> ops.NormalizeMinMax() >> ops.Rename(name="views_scaled")
    bins = ["age"] >> ops.FillMissing(0) >> ops.Bucketize([25, 40, 60]) >> ops.Rename(name="age_bin")
    encoded = ["item_id"] >> ops.TargetEncoding("bought", kfold=1, p_smooth=10)
    stats = ["city"] >> ops.JoinGroupby(cont_cols=["views"], stats=["count", "mean", "sum", "max"])
    # The original hands the columns of a tuple on as they were: the last of a name wins.
    return combo + stats + ids + joint + price + age + views + bins + encoded


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "fit.parquet"
        table(400, 1, False).to_parquet(data)
        # Each statistics file would overwrite the other's of the same key.
        workflow = nvt.Workflow(graph())
        import os

        os.chdir(folder)
        workflow.fit(Dataset(str(data), engine="parquet", cpu=True))
        saved = pathlib.Path(folder) / "saved"
        workflow.save(str(saved))
        subprocess.run([sys.executable, ROOT / "tools/export_nvtabular.py", saved, OUT / "exported"], check=True)
        rows = table(60, 2, True)
        rows.to_parquet(OUT / "rows.parquet")
        answer = workflow.transform(Dataset(str(OUT / "rows.parquet"), engine="parquet", cpu=True)).to_ddf().compute()
    cells = lambda column: [None if v is None or v != v else v.item() if hasattr(v, "item") else v for v in column]
    expected = {name: cells(answer[name]) for name in answer.columns}
    (OUT / "expected.json").write_text(json.dumps({"columns": expected, "dtypes": {n: str(t) for n, t in answer.dtypes.items()}}) + "\n")


main()
