"""Random workflows over random data, fitted, exported and run with NVTabular 23.08: what `merlon import nvtabular` has to reproduce.

    python tests/oracles/nvtabular-import/random_cases.py        # in the environment of tests/oracles/nvtabular/requirements.txt

Writes tests/fixtures/nvtabular-import/random.jsonl.gz, a case a line. It has the program, the exported folder (Parquet in hexadecimal, which gzip packs
well), the rows of the request by file, and NVTabular's answer. A seed makes a case. If NVTabular itself raises, the next seed is taken, and the reason is printed.
"""
import contextlib
import gzip
import io
import json
import math
import os
import pathlib
import random
import shutil
import sys
import tempfile
import warnings

# The order of Groupby's columns depends on it.
if os.environ.get("PYTHONHASHSEED") != "0":
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import nvtabular as nvt  # noqa: E402
import pandas as pd  # noqa: E402
import scipy.sparse  # noqa: E402
from merlin.dag.ops.subgraph import Subgraph  # noqa: E402
from merlin.io import Dataset  # noqa: E402
from nvtabular import ops  # noqa: E402

ROOT = pathlib.Path(__file__).parents[3]
OUT = ROOT / "tests/fixtures/nvtabular-import/random.jsonl.gz"
sys.path.insert(0, str(ROOT / "tools"))
import export_nvtabular  # noqa: E402

CASES = 100
WORDS = ["acme", "bolt", "ü-shop", "cord", "it's", "", "a,b", "Dent", "elm", "fig"]


def table(rows, rng, unseen):
    """Keys and values with and without nulls, lists, times."""
    wider = 2 if unseen else 1
    words = WORDS[: 6 * wider]
    choose = lambda values: rng.choice(np.array(values, dtype="object"), rows)
    lists = lambda item: [[item() for _ in range(rng.randint(0, 6))] for _ in range(rows)]
    frame = pd.DataFrame(
        {
            "brand": choose([*words, None]),
            "city": choose(["Oslo", "Bari", "Cork"]),
            "home": choose(["Oslo", "Bari", "Turku", None]),
            "user": rng.randint(1, 8 * wider, rows),
            "item": rng.randint(1, 12 * wider, rows).astype("int32"),
            "maybe": rng.randint(-3, 4 * wider, rows).astype("float64"),
            "price": np.round(rng.gamma(2, 20, rows), 2),
            "score": rng.normal(0, 3, rows).astype("float32"),
            "views": rng.randint(0, 1000, rows),
            "delta": rng.randint(-50, 50, rows).astype("int16"),
            "tags": lists(lambda: int(rng.randint(1, 9 * wider))),
            "words": lists(lambda: str(rng.choice(words))),
            "weights": lists(lambda: float(np.round(rng.normal(), 3))),
            "time": 1_700_000_000 + rng.permutation(rows * 10)[:rows],
            "bought": rng.randint(0, 2, rows).astype("float32"),
            "rating": rng.randint(1, 6, rows),
        }
    )
    for name in ["maybe", "price", "score"]:
        frame.loc[rng.random(rows) < 0.15, name] = None
    return frame


KEYS = ["brand", "city", "home", "user", "item", "maybe"]
NUMBERS = ["price", "score", "views", "delta", "maybe"]
LISTS = ["tags", "words"]


class Draw:
    """Writes a workflow as Python, of draws of its own."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.count = 0

    def one(self, values):
        return self.rng.choice(values)

    def some(self, values, most=3):
        return self.rng.sample(values, self.rng.randint(1, min(most, len(values))))

    def maybe(self, text):
        return text if self.rng.random() < 0.5 else ""

    def program(self):
        """Branches side by side; or rows that are dropped, or joined, or grouped."""
        draw = self.rng.random()
        if draw < 0.12:
            return self.grouped()
        if draw < 0.18:
            return f"{self.some(['maybe', 'price', 'score', 'brand'])} >> ops.Dropna()"
        if draw < 0.25:
            return f'["brand", "user", "price", "views", "maybe"] >> ops.Filter({self.one(CONDITIONS)}) >> ops.Rename(f=lambda name: name.upper())'
        kinds = [self.categorify, self.joint, self.combo, self.listed, self.numbers, self.numbers, self.bins, self.hashed, self.crossed,
                 self.encoded, self.joined, self.lagged, self.external, self.counted, self.reduced, self.low, self.alike, self.subgraph, self.tagged,
                 self.computed, self.computed, self.timed]
        picked = self.rng.sample(kinds, self.rng.randint(2, 5))
        # A subgraph cannot be the left side of `+`.
        branches = [kind() for kind in sorted(picked, key=lambda kind: kind == self.subgraph)]
        return " + ".join(f"({branch})" for branch in branches)

    def renamed(self):
        """So that no branch makes a column that another makes."""
        self.count += 1
        return f' >> ops.Rename(postfix="_{self.count}")'

    def options(self, **choices):
        picked = {name: self.one(values) for name, values in choices.items()}
        return ", ".join(f"{name}={value}" for name, value in picked.items() if value is not None)

    def categorify(self):
        columns = self.some(KEYS)
        threshold = self.one([None, None, 2, 3, "{" + ", ".join(f'"{c}": {self.rng.randint(0, 4)}' for c in columns) + "}"])
        options = self.options(freq_threshold=[threshold], max_size=[None, None, None, 6], num_buckets=[None, None, None, 3], dtype=[None, None, "np.int32"])
        if "freq_threshold" in options and "max_size" in options:
            options = self.options(freq_threshold=[threshold])
        return f"{columns} >> ops.Categorify({options}){self.renamed()}"

    def joint(self):
        return f'[["city", "home"]] >> ops.Categorify({self.options(freq_threshold=[None, 2])}){self.renamed()}'

    def combo(self):
        pair = self.one([["city", "home"], ["brand", "city"], ["user", "item"], ["home", "maybe"]])
        options = self.options(freq_threshold=[None, None, 2], name_sep=[None, None, '"-"'], num_buckets=[None, None, 2])
        return f'[{pair}] >> ops.Categorify(encode_type="combo"{", " if options else ""}{options}){self.renamed()}'

    def listed(self):
        start = self.rng.randint(-4, 2)
        end = self.one(["", f", {start + self.rng.randint(1, 3)}"]) if start >= 0 or start < -3 else ""
        cut = self.maybe(f" >> ops.ListSlice({start}{end})")
        made = self.one([f"{self.some(LISTS)} >> ops.Categorify({self.options(freq_threshold=[None, 2, 3])})", '["weights"]'])
        if made == '["weights"]' and not cut:
            cut = " >> ops.ValueCount()"
        return f"{made}{cut}{self.renamed()}"

    def numbers(self):
        columns = self.some(NUMBERS)
        links = self.some(["fill", "clip", "log", "scale"], 4)
        steps = {
            "fill": lambda: self.one([f"FillMissing({self.one(['', '0', '-1', '7'])})", "FillMedian()", "FillMissing(2, add_binary_cols=True)", "FillMedian(add_binary_cols=True)"]),
            "clip": lambda: self.one(["Clip(min_value=0)", "Clip(max_value=30)", "Clip(min_value=-5, max_value=40)"]),
            "log": lambda: "LogOp()",
            "scale": lambda: self.one(["Normalize()", "Normalize(out_dtype=np.float32)", "NormalizeMinMax()", "NormalizeMinMax(out_dtype=np.float32)"]),
        }
        chain = "".join(f" >> ops.{steps[link]()}" for link in ["fill", "clip", "log", "scale"] if link in links)
        return f"{columns}{chain}{self.renamed()}"

    def bins(self):
        columns = self.some(NUMBERS)
        bounds = lambda: sorted(self.rng.sample(range(-20, 300), self.rng.randint(1, 4)))
        given = bounds() if self.rng.random() < 0.5 else {name: bounds() for name in columns}
        return f"{columns} >> ops.FillMissing(0) >> ops.Bucketize({given}){self.renamed()}"

    def computed(self):
        return self.one(FUNCTIONS) + self.renamed()

    def timed(self):
        part = self.one(["weekday", "hour", "day", "month", "year", "minute", "second"])
        return f'["time"] >> ops.LambdaOp(lambda col: pd.to_datetime(col, unit="s")) >> ops.LambdaOp(lambda col: col.dt.{part}){self.renamed()}'

    def hashed(self):
        return f"{self.some(KEYS)} >> ops.HashBucket({self.rng.randint(5, 90)}){self.renamed()}"

    def crossed(self):
        return f'[["city", "item"]] >> ops.HashedCross({self.rng.randint(5, 90)}){self.renamed()}'

    def encoded(self):
        keys = self.some([*KEYS, ["city", "home"], ["user", "city"]], 2)
        target = self.one(['"bought"', '["bought", "rating"]', '"rating"'])
        options = self.options(kfold=["1", "1", "1", "3"], p_smooth=[None, "1", "10"], name_sep=[None, None, '"-"'], out_dtype=[None, None, "np.float64"])
        return f"{keys} >> ops.TargetEncoding({target}, {options}){self.renamed()}"

    def joined(self):
        keys = self.some([*KEYS, ["city", "home"], ["user", "city"]], 2)
        stats = self.some(["count", "mean", "sum", "min", "max", "std", "var"], 4)
        return f"{keys} >> ops.JoinGroupby(cont_cols={self.some(NUMBERS, 2)}, stats={stats}){self.renamed()}"

    def lagged(self):
        shift = self.one(["1", "-1", "[1, 2]"])
        return f"{self.some(['time', 'views', 'price'], 2)} >> ops.DifferenceLag(partition_cols=[\"user\"], shift={shift}){self.renamed()}"

    def external(self):
        return self.one([
            '["item"] >> ops.JoinExternal(STOCK, on=["item"], on_ext=["id"], columns_ext=["id", "maker", "stock"])',
            '["user", "city"] >> ops.JoinExternal(PLACES, on=["user", "city"], how="left")',
            '["brand"] >> ops.JoinExternal(BRANDS, on=["brand"])',
        ]) + self.renamed()

    def counted(self):
        return self.one([f"{self.some([*LISTS, 'weights'])} >> ops.ValueCount()", f"{self.some(NUMBERS)} >> ops.DataStats()"]) + self.renamed()

    def reduced(self):
        return f"{self.some(NUMBERS)} >> ops.ReduceDtypeSize({self.options(float_dtype=[None, 'np.float64'])}){self.renamed()}"

    def low(self):
        return f"{self.some(KEYS)} >> ops.Categorify(){self.renamed()} >> ops.DropLowCardinality({self.rng.randint(4, 9)})"

    def alike(self):
        return f'[["user", "item"]] >> ops.ColumnSimilarity(MATRIX, metric={self.one(["tfidf", "cosine", "inner"])!r}, on_device=False){self.renamed()}'

    def subgraph(self):
        return f'Subgraph("part", {self.some(KEYS, 2)} >> ops.Categorify() >> ops.AddTags(["user"]){self.renamed()})'

    def tagged(self):
        tag = self.one(['ops.AddTags(["item", "id"])', 'ops.AddProperties({"origin": "shop"})', "ops.TagAsUserID()"])
        return f"{self.some(KEYS, 2)} >> {tag}{self.renamed()}"

    def grouped(self):
        key = self.one(['"user"', '["user", "city"]'])
        names = ["brand", "item", "price", "views", "time"]
        picked = self.some([name for name in names if name != "time"], 3)
        numbers = [name for name in picked if name != "brand"]
        aggs = {}
        for name in picked:
            choices = ["list", "count", "first", "last"] + (["sum", "mean", "min", "max", "std", "var", "median"] if name in numbers else [])
            aggs[name] = self.some(choices, 3)
        keyed = {name for name in ["user", "city"] if name in key}
        ids = f'({[n for n in picked if n == "brand"] or ["brand"]} >> ops.Categorify())'
        columns = sorted({*numbers, *keyed, "time"})
        options = self.options(name_sep=[None, '"-"'], ascending=[None, None, "False"])
        return f'({ids} + {columns}) >> ops.Groupby(groupby_cols={key}, sort_cols=["time"], aggs={aggs}{", " if options else ""}{options})'


FUNCTIONS = [
    '["price", "maybe"] >> ops.LambdaOp(lambda col: np.log1p(col.fillna(0).abs()) * 2 - 1)',
    '["views", "delta"] >> ops.LambdaOp(lambda col: (col > 20).astype("int32"))',
    '["delta", "views"] >> ops.LambdaOp(lambda col: col % 7 - col // 3)',
    '["maybe"] >> ops.LambdaOp(lambda col: col % -4)',
    '["brand", "city"] >> ops.LambdaOp(lambda col: col.str.slice(1, 3).str.upper())',
    '["city"] >> ops.LambdaOp(lambda col: col.str.len() + col.str.contains("o", regex=False) * 10)',
    '["brand"] >> ops.LambdaOp(lambda col: col.fillna("none").str.replace("o", "0", regex=False) + "!")',
    '["score", "price"] >> ops.LambdaOp(lambda col, rows: col / (rows["views"] - 500), dependency=["views"])',
    '["maybe", "score"] >> ops.LambdaOp(lambda col: np.where(col > 0, col, -col))',
    '["price"] >> ops.LambdaOp(lambda col: col.clip(5, 40) ** 0.5 + np.sin(col))',
    '["score"] >> ops.LambdaOp(lambda col: (col - 1) / 3 * (col + 2))',
    '["maybe", "brand"] >> ops.LambdaOp(lambda col: col.isna())',
    '["user", "item"] >> ops.LambdaOp(lambda col: col.isin([1, 2, 3]) | (col == 7))',
    '["views"] >> ops.LambdaOp(lambda col: -(col.astype("float32") * 1.5).astype("int64"))',
    '["price"] >> ops.LambdaOp(lambda col: scaled(col + 1, 7))',
]
CONDITIONS = [
    'f=lambda df: df["price"] > 20',
    'f=lambda df: (df["price"] > 10) & ~df["brand"].isin(["acme", "bolt"])',
    'f=lambda df: df[df["maybe"].notna() | (df.views >= 500)]',
    'f=lambda df: (df["maybe"] != 2) & (df["user"] % 2 == 0)',
]


def scaled(col, most):
    """A helper, as notebooks have them."""
    part = (col + 0.000001) / most
    return np.cos(2 * np.pi * part)


STOCK = pd.DataFrame({"id": [1, 2, 3, 5, 8, 13], "maker": ["a", "b", None, "d", "é", "f"], "stock": [5, 0, 7, 1, 2, 3]})
PLACES = pd.DataFrame({"user": [1, 1, 2, 3], "city": ["Oslo", "Bari", "Oslo", "Cork"], "far": [0.5, 1.5, 2.5, 3.5]})
BRANDS = pd.DataFrame({"brand": ["acme", "bolt", "fig"], "rank": [3, 1, 2]})
MATRIX = scipy.sparse.coo_matrix((np.arange(1.0, 31), (np.arange(30) % 26, np.arange(30) * 7 % 5)), shape=(26, 5))
NAMES = {"ops": ops, "np": np, "pd": pd, "scaled": scaled, "Subgraph": Subgraph, "STOCK": STOCK, "PLACES": PLACES, "BRANDS": BRANDS, "MATRIX": MATRIX}


def cells(column):
    """As JSON: NaN, NaT and None are null, infinities text."""

    def plain(value):
        value = value.item() if hasattr(value, "item") else value
        if value is None or value is pd.NaT or value != value:
            return None
        return ("inf" if value > 0 else "-inf") if isinstance(value, float) and math.isinf(value) else value

    return [[plain(item) for item in v] if isinstance(v, (list, np.ndarray)) else plain(v) for v in column]


def type_of(column):
    """As Merlon names it: `float32`, `list<string>`."""
    if column.dtype != "object":
        return str(column.dtype)
    kinds = {type(item) for value in column if isinstance(value, list) for item in value}
    names = {int: "int64", float: "float64", str: "string"}
    return f"list<{names[kinds.pop()]}>" if kinds else "string"


def write_files(frame, folder, count):
    """A number of files with about equal numbers of rows."""
    folder.mkdir()
    paths = []
    for i, part in enumerate(np.array_split(np.arange(len(frame)), count)):
        paths.append(folder / f"part-{i}.parquet")
        frame.iloc[part].reset_index(drop=True).to_parquet(paths[-1], compression=None)
    return [str(path) for path in paths]


def exported_files(folder):
    files = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    graph = (folder / "graph.json").read_text()
    return {"graph": graph, "files": {str(path.relative_to(folder)): path.read_bytes().hex() for path in files}}


def document(seed, folder):
    program = Draw(seed).program()
    rng = np.random.RandomState(seed)
    fit_files, row_files = rng.randint(1, 4), rng.randint(1, 4)
    os.chdir(folder)
    fit = write_files(table(rng.randint(60, 160), rng, False), folder / "fit", fit_files)
    unseen = table(rng.randint(12, 24), rng, True)
    rows = write_files(unseen, folder / "rows", row_files)
    dataset = lambda paths: Dataset(paths, engine="parquet", cpu=True)
    workflow = nvt.Workflow(eval(program, dict(NAMES)))
    workflow.fit(dataset(fit))
    workflow.save(str(folder / "saved"))
    with contextlib.redirect_stdout(io.StringIO()):
        export_nvtabular.main(str(folder / "saved"), str(folder / "exported"))
    parts = [part.compute() for part in workflow.transform(dataset(rows)).to_ddf().partitions]
    answer = pd.concat(parts)
    read = [name for name in unseen.columns if name in workflow.input_schema.column_names]
    return {
        "seed": seed,
        "program": program,
        "exported": exported_files(folder / "exported"),
        "types": {name: type_of(unseen[name]) for name in read},
        "rows": [{name: cells(pd.read_parquet(path)[name]) for name in read} for path in rows],
        "dtypes": {name: str(dtype) for name, dtype in parts[0].dtypes.items()},
        "expected": {name: cells(answer[name]) for name in answer.columns},
    }


def main():
    written, seed = [], 0
    while len(written) < CASES:
        seed += 1
        folder = pathlib.Path(tempfile.mkdtemp())
        try:
            written.append(json.dumps(document(seed, folder), ensure_ascii=False))
        except (Exception, SystemExit) as error:
            print(f"{seed}: {type(error).__name__}: {str(error)[:150]!r}  {Draw(seed).program()}", file=sys.stderr)
        finally:
            os.chdir(ROOT)
            shutil.rmtree(folder)
    with open(OUT, "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=9) as packed:
        packed.write(("\n".join(written) + "\n").encode())
    print(f"{len(written)} cases of {seed} seeds, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
