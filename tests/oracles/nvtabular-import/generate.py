"""Fits workflows with NVTabular 23.08, exports them with tools/export_nvtabular.py, and keeps what NVTabular answers for rows they have not seen.

    python tests/oracles/nvtabular-import/generate.py        # in the environment of tests/oracles/nvtabular/requirements.txt

Writes a folder a case in tests/fixtures/nvtabular-import/: exported/ (graph.json and Parquet), rows.parquet, expected.json.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

# The order of Groupby's columns depends on it.
if os.environ.get("PYTHONHASHSEED") != "0":
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
warnings.filterwarnings("ignore")
import numpy as np
import nvtabular as nvt
import pandas as pd
import scipy.sparse
from merlin.dag.ops.subgraph import Subgraph
from merlin.io import Dataset
from merlin.schema import Schema, Tags
from nvtabular import ops

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tutorials  # noqa: E402

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


def events(rows, seed):
    """Columns with lists, tags, a column of one value, ids of a matrix, and keys of a file."""
    random = np.random.RandomState(seed)
    return pd.DataFrame(
        {
            "user_id": random.randint(1, 9, rows),
            "item_id": random.randint(0, 6, rows),
            "other_id": random.randint(0, 6, rows),
            "genres": [list(random.randint(1, 9, random.randint(0, 6))) for _ in range(rows)],
            "city": random.choice(["Oslo", "Bari", "Cork"], rows),
            "home": random.choice(["Oslo", "Bari"], rows),
            "price": np.round(random.gamma(2, 20, rows), 2),
            "once": [7.0] + [None] * (rows - 1),
            "views": random.randint(0, 100, rows),
            "bought": random.randint(0, 2, rows).astype("float32"),
        }
    )


def events_schema():
    tags = {"user_id": [Tags.USER_ID], "item_id": [Tags.ITEM, Tags.ID], "bought": [Tags.TARGET], "genres": [Tags.LIST, Tags.ITEM]}
    frame = Dataset(events(5, 0), cpu=True)
    return Schema([column.with_tags(tags.get(column.name, [])) for column in frame.schema])


def every_operator():
    genres = ["genres"] >> ops.Categorify()
    last = genres >> ops.ListSlice(-3) >> ops.Rename(postfix="_last")
    middle = genres >> ops.ListSlice(1, 3) >> ops.Rename(postfix="_middle")
    rest = genres >> ops.ListSlice(0) >> ops.Rename(postfix="_rest")
    counted = ["genres"] >> ops.ValueCount() >> ops.Rename(postfix="_raw")
    items = pd.DataFrame({"item": [0, 1, 2, 4], "brand": ["acme", "bolt", "cord", "acme"], "stock": [5, 0, 7, 1]})
    joined = ["item_id"] >> ops.JoinExternal(items, on=["item_id"], on_ext=["item"], columns_ext=["item", "brand", "stock"])
    small = ["views"] >> ops.ReduceDtypeSize() >> ops.Rename(postfix="_small")
    stats = ["price"] >> ops.DataStats() >> ops.Rename(postfix="_seen")
    cities = ["city", "home"] >> ops.Categorify()
    told_apart = cities >> ops.DropLowCardinality(5)
    entries = ([0, 0, 1, 2, 3, 4, 4, 5], [0, 2, 1, 2, 0, 1, 2, 3])
    matrix = scipy.sparse.coo_matrix((np.ones(8), entries), shape=(7, 4))
    alike = [["item_id", "other_id"]] >> ops.ColumnSimilarity(matrix, metric="tfidf", on_device=False)
    combo = [["city", "home"]] >> ops.Categorify(encode_type="combo", name_sep="-")
    user = Subgraph("user", ["user_id"] >> ops.Categorify() >> ops.AddTags([Tags.USER_ID]))
    prices = ["price", "once"] >> ops.FillMissing(0)
    without = (prices - (["once"] >> ops.FillMissing(1))) >> ops.LogOp() >> ops.Rename(postfix="_log")
    constant = ["once"] >> ops.Normalize() >> ops.Rename(postfix="_scaled")
    twice = (["views"] >> ops.Clip(max_value=50)) + (["views"] >> ops.Normalize(out_dtype=np.float32))
    encoded = ["city"] >> ops.TargetEncoding("bought", kfold=1, p_smooth=10)
    return combo + last + middle + rest + counted + joined + small + stats + told_apart + alike + user + without + constant + twice + encoded


def clicks(rows, seed):
    random = np.random.RandomState(seed)
    return pd.DataFrame(
        {
            "user_session": np.sort(random.randint(1, 12, rows)),
            "product_id": random.randint(1, 20, rows),
            "category": random.choice(["tv", "phone", "sofa"], rows),
            "price": np.round(random.gamma(2, 20, rows), 2),
            "event_time": np.arange(rows) * 10 + random.randint(0, 9, rows),
        }
    )


def sessions():
    """As session-based recommendation prepares the REES46 data: encoded events, grouped by session, the last ones of each."""
    encoded = ["product_id", "category"] >> ops.Categorify()
    price = ["price"] >> ops.LogOp() >> ops.Normalize(out_dtype=np.float32) >> ops.Rename(name="price_log_norm")
    # The original's Groupby keeps no column that it neither groups by nor aggregates.
    lag = ["event_time"] >> ops.DifferenceLag(partition_cols=["user_session"], shift=[1])
    lag = lag >> ops.FillMissing(0) >> ops.Rename(name="seconds")
    grouped = encoded + price + lag + ["user_session", "event_time"] >> ops.Groupby(
        groupby_cols=["user_session"],
        sort_cols=["event_time"],
        aggs={"product_id": ["list", "count"], "category": ["list"], "price_log_norm": ["list"], "seconds": ["list"], "event_time": ["first", "last"]},
        name_sep="-",
    )
    lists = [name + "-list" for name in ("product_id", "category", "price_log_norm", "seconds")]
    return grouped[["user_session", "product_id-count", "event_time-first", "event_time-last"]] + (grouped[lists] >> ops.ListSlice(-4))


def odd(rows, seed):
    random = np.random.RandomState(seed)
    return pd.DataFrame(
        {
            "a..b": random.choice(["x", "y", "z"], rows),
            "c": random.randint(1, 5, rows),
            "d_e": random.randint(1, 4, rows),
            "f": random.randint(1, 9, rows),
            "when": pd.Timestamp("2024-05-01") + pd.to_timedelta(random.randint(0, 10**6, rows), unit="s"),
            "price": random.gamma(2, 20, rows),
            "bought": random.randint(0, 2, rows).astype("float32"),
        }
    )


def names():
    """Separators of names, names with dots, vocabularies that are given, times and half floats."""
    dots = ["a..b"] >> ops.Categorify() >> ops.Rename(postfix="_id")
    given = ["c"] >> ops.Categorify(vocabs={"c": pd.Series([4, 2, 1])}) >> ops.Rename(postfix="_id")
    ids = ["d_e", "f"] >> ops.Categorify(freq_threshold=2)
    encoded = [["c", "d_e"], "a..b"] >> ops.TargetEncoding("bought", kfold=1, p_smooth=5, name_sep="-")
    combo = [["c", "d_e"]] >> ops.Categorify(encode_type="combo", name_sep="-")
    half = ["price"] >> ops.Normalize(out_dtype=np.float16)
    return combo + dots + given + ids + encoded + half + ["when"]


def grouped():
    """Columns in an order that is Groupby's own."""
    return ["user_session", "price", "event_time"] >> ops.Groupby(
        groupby_cols="user_session", sort_cols="event_time", aggs={"price": ["sum", "list", "max"], "event_time": ["min", "first", "count"]}
    )


def null_keys():
    """A null is a key of TargetEncoding with a sum and, since the key's values are counted, no rows."""
    return (["brand"] >> ops.TargetEncoding("bought", kfold=1, p_smooth=10)) + ["price"]


def labels():
    """Columns that requests do not have: a target, and one that is answered, scaled, and counted in a table of the fit."""
    ids = ["brand", "item_id"] >> ops.Categorify()
    encoded = ["brand"] >> ops.TargetEncoding("bought", kfold=1, p_smooth=10)
    stats = ["city"] >> ops.JoinGroupby(cont_cols=["views"], stats=["count", "mean"])
    price = ["price"] >> ops.FillMissing(0) >> ops.Normalize(out_dtype=np.float32)
    scaled = ["views"] >> ops.NormalizeMinMax() >> ops.Rename(postfix="_scaled")
    bought = ["bought"] >> ops.AddTags([Tags.TARGET])
    return ids + bought + encoded + scaled + stats + price


def cells(column):
    plain = lambda v: v.value if isinstance(v, pd.Timestamp) else v.item() if hasattr(v, "item") else v
    one = lambda v: [plain(item) for item in v] if isinstance(v, (list, np.ndarray)) else None if v is None or v != v else plain(v)
    return [one(v) for v in column]


def keep(out, graph, learnt, unseen, schema=None, with_data=False, removed=()):
    """
    Fits on one table, exports (where it is to be, with that table), and writes what the original answers for the other. `Workflow.remove_inputs`
    names the columns that are kept; their values are those of the whole workflow, because TargetEncoding without its target fails there.
    """
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "fit.parquet"
        learnt.to_parquet(data)
        # Vocabularies that are given are written where the operator is made.
        os.chdir(folder)
        workflow = nvt.Workflow(graph())
        workflow.fit(Dataset(str(data), engine="parquet", cpu=True, **({"schema": schema} if schema else {})))
        saved = pathlib.Path(folder) / "saved"
        # Functions go with the workflow, as those of a notebook do.
        workflow.save(str(saved), modules_byvalue=[tutorials])
        subprocess.run([sys.executable, ROOT / "tools/export_nvtabular.py", saved, out / "exported", *(["--data", data] if with_data else [])], check=True)
        unseen.to_parquet(out / "rows.parquet")
        answer = workflow.transform(Dataset(str(out / "rows.parquet"), engine="parquet", cpu=True)).to_ddf().compute()
        if removed:
            workflow = workflow.remove_inputs(list(removed))
            answer = answer[workflow.output_schema.column_names]
            unseen.drop(columns=list(removed)).to_parquet(out / "rows.parquet")
        tags = {column.name: sorted(tag.value for tag in column.tags) for column in workflow.output_schema}
    expected = {name: cells(answer[name]) for name in answer.columns}
    kept = {"columns": expected, "dtypes": {n: str(t) for n, t in answer.dtypes.items()}, "tags": tags}
    (out / "expected.json").write_text(json.dumps(kept) + "\n")


def main():
    """With names of cases, those alone."""
    cases = {
        "shop": lambda out: keep(out, graph, table(400, 1, False), table(60, 2, True)),
        "every-operator": lambda out: keep(out, every_operator, events(200, 3), events(40, 4), events_schema()),
        "names": lambda out: keep(out, names, odd(80, 7), odd(30, 8)),
        "grouped": lambda out: keep(out, grouped, clicks(60, 9), clicks(40, 10)),
        "null-keys": lambda out: keep(out, null_keys, table(60, 17, False), table(30, 18, True)),
        "labels": lambda out: keep(out, labels, table(80, 19, False), table(30, 20, True), removed=["bought", "views"]),
        "sessions": lambda out: keep(out, sessions, clicks(150, 5), clicks(60, 6)),
        "rees46-preprocess": lambda out: keep(out, tutorials.rees46_preprocess_workflow, tutorials.rees46(150, 11), tutorials.rees46(40, 12)),
        # The day of a session counts from the first day of the rows at hand: they are those of the fit.
        "rees46": lambda out: keep(out, tutorials.rees46_workflow, *[tutorials.rees46_sessions(150, 11)] * 2, with_data=True),
        "yoochoose": lambda out: keep(out, tutorials.yoochoose_workflow, *[tutorials.yoochoose(150, 13)] * 2, with_data=True),
        "getting-started": lambda out: keep(out, tutorials.getting_started_workflow, tutorials.getting_started(150, 15), tutorials.getting_started(60, 16).sort_values("session_id", kind="stable")),
    }
    for name in sys.argv[1:] or cases:
        shutil.rmtree(OUT / name, ignore_errors=True)
        cases[name](OUT / name)


main()
