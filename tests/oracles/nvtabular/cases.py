"""The cases: input columns, a chain of operators in Merlon's words, and the same chain built from NVTabular's operators."""
import numpy as np
import pandas as pd
from nvtabular import ops
from scipy.sparse import coo_matrix

N = None


def case(name, types, links, fit, request=None, graph=None, oracle="nvtabular", note=None, learnt=None, files=None):
    return dict(name=name, types=types, links=links, fit=fit, request=request, graph=graph, oracle=oracle, note=note, learnt=learnt, files=files)


def one(name, dtype, link, fit, op, request=None, **rest):
    """A case of one column `x` and one operator."""
    wrap = lambda values: None if values is None else {"x": values}
    return case(name, {"x": dtype}, [link], {"x": fit}, wrap(request), lambda: ["x"] >> op(), **rest)


def categorify(name, kind, fit, request=None, params=None, note=None, **nvt):
    link = {"op": "categorify", "params": params or {}}
    return one(f"categorify/{name}", kind, link, fit, lambda: ops.Categorify(**nvt), request, note=note)


def groups(name, types, fit, columns, request=None, params=None, note=None, **nvt):
    """Columns may be in groups: lists in the list."""
    link = {"op": "categorify", "params": params or {}, "columns": columns}
    return case(f"categorify/{name}", types, [link], fit, request, lambda: columns >> ops.Categorify(**nvt), note=note)


def normalize(name, dtype, fit, request=None, params=None, note=None, **nvt):
    link = {"op": "normalize", "params": params or {}}
    return one(f"normalize/{name}", dtype, link, fit, lambda: ops.Normalize(**nvt), request, note=note)


def median(name, dtype, fit, request=None, params=None, note=None, **nvt):
    link = {"op": "fillMedian", "params": params or {}}
    return one(f"fillMedian/{name}", dtype, link, fit, lambda: ops.FillMedian(**nvt), request, note=note)


def bucketize(name, dtype, fit, boundaries, note=None):
    link = {"op": "bucketize", "params": {"boundaries": boundaries}}
    return one(f"bucketize/{name}", dtype, link, fit, lambda: ops.Bucketize(boundaries), note=note)


def list_slice(name, dtype, fit, start, end=None, pad=False, value=None):
    params = {"start": start, "pad": pad, **({} if end is None else {"end": end}), **({} if value is None else {"padValue": value})}
    return one(f"listSlice/{name}", dtype, {"op": "listSlice", "params": params}, fit, lambda: ops.ListSlice(start, end, pad, 0.0 if value is None else value))


def target(name, types, columns, y, request=None, p_smooth=20, together=False, kind="int64", **params):
    """kfold=1: the statistics of all rows, which Merlon always uses. The target must be in NVTabular's request."""
    names = list(types)
    link = {"op": "targetEncoding", "params": {"pSmooth": p_smooth, **params}, "columns": [names] if together else names, "ports": {"target": ["y"]}}
    graph = lambda: ([names] if together else names) >> ops.TargetEncoding(["y"], kfold=1, p_smooth=p_smooth)
    return case(f"targetEncoding/{name}", {**types, "y": kind}, [link], {**columns, "y": y}, request, graph)


# Values of a and c are null at times, those of b always.
NULL_VALUES = {"g": ["a", "a", "a", "b", "b", "c", "c", "d", "a"]}
ALL_STATS = ["count", "sum", "mean", "std", "var", "min", "max"]


def join_groupby(name, types, columns, x, stats, request=None, together=False, kind="float64", **params):
    names = list(types)
    link = {"op": "joinGroupby", "params": {"stats": stats, **params}, "columns": [names] if together else names, "ports": {"of": ["x"]}}
    graph = lambda: ([names] if together else names) >> ops.JoinGroupby(cont_cols=["x"], stats=stats)
    return case(f"joinGroupby/{name}", {**types, "x": kind}, [link], {**columns, "x": x}, request, graph)


def min_max(name, dtype, fit, request=None, params=None, note=None, **nvt):
    link = {"op": "normalizeMinMax", "params": params or {}}
    return one(f"normalizeMinMax/{name}", dtype, link, fit, lambda: ops.NormalizeMinMax(**nvt), request, note=note)


def fill(name, dtype, fit, value, flags=False, note=None, original=None):
    link = {"op": "fillMissing", "params": {"fillValue": value, "addBinaryColumns": flags}}
    return one(f"fillMissing/{name}", dtype, link, fit, lambda: ops.FillMissing(fill_val=original or value, add_binary_cols=flags), note=note)


def clip(name, dtype, fit, low=None, high=None, note=None, original=None):
    params = {k: v for k, v in (("min", low), ("max", high)) if v is not None}
    return one(f"clip/{name}", dtype, {"op": "clip", "params": params}, fit, lambda: ops.Clip(min_value=original or low, max_value=high), note=note)


def log(name, dtype, fit, note=None):
    return one(f"logOp/{name}", dtype, {"op": "logOp"}, fit, ops.LogOp, note=note)


def pandas_hash(name, dtype, values, buckets):
    """NVTabular adds the row number to the hash; `pandas` is called without it."""
    link = {"op": "hashBucket", "params": {"numBuckets": buckets}}
    return case(f"hashBucket/{name}", {"x": dtype}, [link], {"x": values}, oracle="pandas")


def pandas_cross(name, types, values, buckets):
    """As above: the exclusive or of the hashes without the row number."""
    return case(f"hashedCross/{name}", types, [{"op": "hashedCross", "params": {"numBuckets": buckets}}], values, oracle="pandas")


def reduce_size(name, dtype, fit, params=None, note=None, **nvt):
    return one(f"reduceDtypeSize/{name}", dtype, {"op": "reduceDtypeSize", "params": params or {}}, fit, lambda: ops.ReduceDtypeSize(**nvt), note=note)


def value_count(name, dtype, fit, request=None, note=None):
    return one(f"valueCount/{name}", dtype, {"op": "valueCount"}, fit, ops.ValueCount, request, note=note)


def stats(name, dtype, fit, note=None):
    """DataStats's state is: `output`."""
    op = ops.DataStats()
    return one(f"dataStats/{name}", dtype, {"op": "dataStats"}, fit, lambda: op, note=note, learnt=lambda: op.output)


def low_cardinality(name, columns, minimum):
    types = {column: "string" for column in columns}
    links = [{"op": "categorify"}, {"op": "dropLowCardinality", "params": {"minCardinality": minimum}}]
    return case(f"dropLowCardinality/{name}", types, links, columns, None, lambda: list(columns) >> ops.Categorify() >> ops.DropLowCardinality(minimum))


def row_hash(name, dtype, values, buckets, request=None):
    """The hash with the row number in it: NVTabular's own."""
    link = {"op": "hashBucket", "params": {"numBuckets": buckets, "nvtabularHash": True}}
    return one(f"hashBucket/nvtabularHash, {name}", dtype, link, values, lambda: ops.HashBucket(buckets), request, note="their schema: the domain ends at the number of buckets")


def row_cross(name, types, values, buckets):
    link = {"op": "hashedCross", "params": {"numBuckets": buckets, "nvtabularHash": True}, "columns": [list(types)]}
    return case(f"hashedCross/nvtabularHash, {name}", types, [link], values, None, lambda: [list(types)] >> ops.HashedCross(buckets))


def folds(name, types, columns, y, kfold=3, seed=42, p_smooth=20, together=False, kind="int64", request=None):
    names = list(types)
    params = {"pSmooth": p_smooth, "foldMode": "nvtabular", "kfold": kfold, "foldSeed": seed}
    link = {"op": "targetEncoding", "params": params, "columns": [names] if together else names, "ports": {"target": ["y"]}}
    graph = lambda: ([names] if together else names) >> ops.TargetEncoding(["y"], kfold=kfold, fold_seed=seed, p_smooth=p_smooth)
    return case(f"targetEncoding/folds, {name}", {**types, "y": kind}, [link], {**columns, "y": y}, request, graph)


def dropna(name, types, fit, columns=None, note=None):
    names = columns or list(types)
    return case(f"dropna/{name}", types, [{"op": "dropna", "columns": names}], fit, None, lambda: names >> ops.Dropna(), note=note)


def lag(name, kind, x, keys, shift=1, partition=None):
    """`keys` are the columns that rows must agree in."""
    names = list(keys)
    types = {**{key: partition or "int64" for key in names}, "x": kind}
    link = {"op": "differenceLag", "params": {"shift": shift}, "columns": ["x"], "ports": {"partition": names}}
    return case(f"differenceLag/{name}", types, [link], {**keys, "x": x}, None, lambda: ["x"] >> ops.DifferenceLag(names if len(names) > 1 else names[0], shift))


def groupby(name, types, fit, by, aggs, sort=None, ascending=True, sep="_", note=None):
    params = {"by": by, "aggs": aggs, "ascending": ascending, "nameSep": sep, **({"sort": sort} if sort else {})}
    graph = lambda: list(types) >> ops.Groupby(groupby_cols=by, sort_cols=sort, aggs=aggs, name_sep=sep, ascending=ascending)
    return case(f"groupby/{name}", types, [{"op": "groupby", "params": params}], fit, None, graph, note=note)


def external(name, types, fit, ext_types, ext, on, on_ext=None, how="left", take=None, duplicates=False, request=None):
    keys = [on] if isinstance(on, str) else on
    ext_keys = [on_ext] if isinstance(on_ext, str) else (on_ext or keys)
    columns = {c: t for c, t in ext_types.items() if (c not in ext_keys if take is None else c in take)}
    params = {"path": "ext.parquet", "on": on, "how": how, "columns": columns, "dropDuplicates": duplicates, **({"onExternal": on_ext} if on_ext else {})}
    frame = lambda: pd.DataFrame({c: pd.Series(v, dtype="object" if ext_types[c] == "string" else ext_types[c]) for c, v in ext.items()})
    graph = lambda: list(types) >> ops.JoinExternal(frame(), on, how=how, on_ext=on_ext, columns_ext=[*ext_keys, *[c for c in columns if c not in ext_keys]], drop_duplicates_ext=duplicates)
    return case(f"joinExternal/{name}", types, [{"op": "joinExternal", "params": params}], fit, request, graph, files={"ext.parquet": {"types": ext_types, "cells": ext}})


def similarity(name, a, b, entries, metric="tfidf", right=None, values=True):
    """Entries are (row, column, value)."""
    def table(of):
        rows, columns, weights = zip(*of)
        types = {"row": "int64", "column": "int64", **({"value": "float64"} if values else {})}
        return {"types": types, "cells": {"row": list(rows), "column": list(columns), **({"value": list(weights)} if values else {})}}
    def matrix(of):
        rows, columns, weights = zip(*of)
        return coo_matrix((np.array(weights, dtype=np.float64), (rows, columns)))
    params = {"features": "left.parquet", "metric": metric, **({"rightFeatures": "right.parquet"} if right else {})}
    files = {"left.parquet": table(entries), **({"right.parquet": table(right)} if right else {})}
    graph = lambda: [["a", "b"]] >> ops.ColumnSimilarity(matrix(entries), matrix(right) if right else None, metric=metric, on_device=False)
    return case(f"columnSimilarity/{name}", {"a": "int64", "b": "int64"}, [{"op": "columnSimilarity", "params": params, "columns": [["a", "b"]]}], {"a": a, "b": b}, None, graph, files=files)


WORDS = ["b", "a", "c", "b", "a", "b", "d", "é", "b", "a", "😀", "", "c", "B"]
LISTS = [[1, 2, 3, 4], [5], [], [6, 7, 8]]
NULL_WORDS = ["b", N, "c", "b", N, "b", "d", "c", "a"]
INTS = [30, 10, 20, 30, 10, 30, 40, 50, 10, 30]
PRICES = [3.5, 1.25, 99.99, 0.0, 12.5, 7.0, 7.0, 1000.5]
rng = np.random.RandomState(7)
ZIPF = [f"item_{int(v)}" for v in rng.zipf(1.6, 400) if v < 60]
MANY = [int(v) for v in rng.randint(-(10**12), 10**12, 60)]

CASES = [
    categorify("strings", "string", WORDS),
    categorify("strings with nulls", "string", NULL_WORDS),
    categorify("values not seen in fit", "string", WORDS, ["zzz", "a", N, "b", "A", ""]),
    categorify("freqThreshold 2", "string", WORDS, params={"freqThreshold": 2}, freq_threshold=2),
    categorify("freqThreshold 3", "string", WORDS, params={"freqThreshold": 3}, freq_threshold=3),
    categorify("freqThreshold above every count", "string", WORDS, params={"freqThreshold": 100}, freq_threshold=100),
    categorify("freqThreshold with nulls", "string", NULL_WORDS, params={"freqThreshold": 2}, freq_threshold=2),
    categorify("maxSize 5", "string", WORDS, params={"maxSize": 5}, max_size=5),
    categorify("maxSize 4", "string", NULL_WORDS, params={"maxSize": 4}, max_size=4),
    categorify("maxSize above what there is", "string", WORDS, params={"maxSize": 500}, max_size=500),
    categorify("numBuckets 4, values seen in fit", "string", WORDS, params={"numBuckets": 4}, num_buckets=4),
    categorify("numBuckets 10 with nulls", "int64", INTS, [10, 20, 30, 50], params={"numBuckets": 10}, num_buckets=10),
    categorify("int64", "int64", INTS),
    categorify("int64 negative", "int64", [-5, 3, -5, 0, 3, -5, -9223372036854775808, 9223372036854775807]),
    categorify("int64 far apart", "int64", MANY + MANY[:7] + MANY[:3], note="ties"),
    categorify("int64 values not seen in fit", "int64", INTS, [30, 31, 10, -10, 0]),
    categorify("int32", "int32", INTS),
    categorify("int8", "int8", [-1, 5, -1, 127, -128, 5, -1]),
    categorify("uint16", "uint16", [65535, 1, 65535, 0]),
    categorify("uint64", "uint64", [18446744073709551615, 1, 18446744073709551615, 0]),
    categorify("float64", "float64", [0.5, 1.5, 0.5, -2.25, N, 1.5, 0.5]),
    categorify("float32", "float32", [0.5, 1.5, 0.5, -2.25, N, 1.5, 0.5]),
    categorify("bool", "bool", [True, False, True, True]),
    categorify("popularity skew", "string", ZIPF, note="ties"),
    categorify("int32 ids", "string", WORDS, params={"outDtype": "int32"}, dtype=np.int32),
    categorify("list of strings", "list<string>", [["A"], ["A", "E"], ["B", "C"], ["C"]]),
    categorify("list of strings, freqThreshold 2", "list<string>", [["A"], ["A", "E"], ["B", "C"], ["C"]], params={"freqThreshold": 2}, freq_threshold=2),
    categorify("list of int64", "list<int64>", [[1, 2, 3], [3], [2, 3], [9, 9, 9, 9]]),
    categorify("list of int64, values not seen in fit", "list<int64>", [[1, 2, 3], [3]], [[3, 4], [5, 1, 1]]),
    case("categorify/two columns", {"a": "string", "b": "int64"}, [{"op": "categorify"}], {"a": ["x", "y", "x"], "b": [7, 7, 8]}, None, lambda: ["a", "b"] >> ops.Categorify()),

    categorify("all null", "string", [N, N, "a"], [N, "a", N]),
    categorify("one value", "int64", [5, 5, 5]),
    categorify("empty strings are values", "string", ["", "", "a"]),
    categorify("float integers", "float64", [1.0, 2.0, 1.0, N]),
    categorify("int16", "int16", [-32768, 32767, 5, 5]),
    categorify("uint8", "uint8", [255, 0, 255, 7]),
    categorify("uint32", "uint32", [4294967295, 0, 4294967295]),
    categorify("maxSize 3", "string", WORDS, params={"maxSize": 3}, max_size=3),
    categorify("maxSize 6 of int64", "int64", INTS, params={"maxSize": 6}, max_size=6),
    categorify("maxSize with buckets, values seen in fit", "int64", INTS, [30, 10, 30], params={"maxSize": 6, "numBuckets": 2}, max_size=6, num_buckets=2),
    categorify("freqThreshold of int64", "int64", INTS, params={"freqThreshold": 2}, freq_threshold=2),
    categorify("freqThreshold of floats", "float64", [0.5, 1.5, 0.5, N], params={"freqThreshold": 2}, freq_threshold=2),
    categorify("freqThreshold 1", "string", WORDS, params={"freqThreshold": 1}, freq_threshold=1),
    categorify("list, maxSize 4", "list<string>", [["A"], ["A", "E"], ["B", "A"], ["C", "E"]], params={"maxSize": 4}, max_size=4),
    categorify("list with empty lists", "list<int64>", [[1, 2], [], [2]]),
    categorify("list, int32 ids", "list<string>", [["A"], ["A", "E"]], params={"outDtype": "int32"}, dtype=np.int32),
    categorify("given values", "string", ["a", "b", "c", "zzz", N], params={"vocabs": {"x": ["c", "a"]}}, vocabs={"x": pd.Series(["c", "a"])}),
    categorify("given values of int64", "int64", [7, 8, 9, 7], params={"vocabs": {"x": [9, 7]}}, vocabs={"x": pd.Series([9, 7])}),
    categorify("given values for lists", "list<string>", [["a", "b"], ["zzz"]], params={"vocabs": {"x": ["b", "a"]}}, vocabs={"x": pd.Series(["b", "a"])}),
    groups("given values for one of two columns", {"x": "string", "y": "string"}, {"x": ["a", "b"], "y": ["q", "p"]}, ["x", "y"], params={"vocabs": {"x": ["b", "a"]}}, vocabs={"x": pd.Series(["b", "a"])}),
    groups("freqThreshold by column", {"x": "string", "y": "string"}, {"x": list("aabbc"), "y": list("qqppr")}, ["x", "y"], params={"freqThreshold": {"x": 2, "y": 1}}, freq_threshold={"x": 2, "y": 1}),
    groups("maxSize by column", {"x": "string", "y": "string"}, {"x": list("aabbc"), "y": list("qqppr")}, ["x", "y"], params={"maxSize": {"x": 4, "y": 5}}, max_size={"x": 4, "y": 5}),
    groups("numBuckets by column, values seen in fit", {"x": "string", "y": "string"}, {"x": list("aabbc"), "y": list("qqppr")}, ["x", "y"], params={"numBuckets": {"x": 3, "y": 2}}, num_buckets={"x": 3, "y": 2}),
    groups("joint", {"x": "string", "y": "string"}, {"x": ["a", "b", "a", N], "y": ["b", "b", "c", "d"]}, [["x", "y"]]),
    groups("joint of int64", {"x": "int64", "y": "int64"}, {"x": [1, 2, 3, 1], "y": [3, 3, 4, 3]}, [["x", "y"]]),
    groups("joint, freqThreshold", {"x": "string", "y": "string"}, {"x": ["a", "b", "a", "e"], "y": ["b", "b", "c", "d"]}, [["x", "y"]], params={"freqThreshold": 2}, freq_threshold=2),
    groups("joint, maxSize", {"x": "string", "y": "string"}, {"x": ["a", "b", "a", "e"], "y": ["b", "b", "c", "d"]}, [["x", "y"]], params={"maxSize": 4}, max_size=4),
    groups("joint, values not seen in fit", {"x": "string", "y": "string"}, {"x": ["a", "b", "a"], "y": ["b", "b", "c"]}, [["x", "y"]], {"x": ["c", "zz", N], "y": ["a", N, "zz"]}),
    groups("joint and a column alone", {"x": "string", "y": "string", "z": "int64"}, {"x": ["a", "b", "a"], "y": ["b", "b", "c"], "z": [1, 1, 2]}, [["x", "y"], "z"]),
    groups("joint of three", {"x": "string", "y": "string", "z": "string"}, {"x": ["a", "b", "a"], "y": ["b", "b", "c"], "z": ["d", "a", "a"]}, [["x", "y", "z"]]),
    groups("joint of lists", {"x": "list<int64>", "y": "list<int64>"}, {"x": [[1, 2], [3]], "y": [[3], [3, 1]]}, [["x", "y"]]),
    groups("joint of a column and lists", {"x": "int64", "y": "list<int64>"}, {"x": [1, 2], "y": [[3], [3, 1]]}, [["x", "y"]]),
    groups("combo", {"x": "string", "y": "int64"}, {"x": ["a", "b", "a", "a"], "y": [1, 1, 1, 2]}, [["x", "y"]], params={"encodeType": "combo"}, encode_type="combo"),
    groups("combo with nulls", {"x": "string", "y": "string"}, {"x": [N, "a", "a", N, N], "y": ["C", "C", N, N, "C"]}, [["x", "y"]], params={"encodeType": "combo"}, encode_type="combo"),
    groups("combo, partly null tuples come first", {"x": "string", "y": "string"}, {"x": [N, "a", "b"], "y": ["C", "C", "A"]}, [["x", "y"]], params={"encodeType": "combo"}, encode_type="combo"),
    groups("combo, values not seen in fit", {"x": "string", "y": "int64"}, {"x": ["a", "b", "a"], "y": [1, 1, 2]}, [["x", "y"]], {"x": ["b", "b", "z"], "y": [1, 2, 1]}, params={"encodeType": "combo"}, encode_type="combo"),
    groups("combo, freqThreshold", {"x": "string", "y": "int64"}, {"x": ["a", "a", "b"], "y": [1, 1, 2]}, [["x", "y"]], params={"encodeType": "combo", "freqThreshold": 2}, encode_type="combo", freq_threshold=2),
    groups("combo, maxSize", {"x": "string", "y": "int64"}, {"x": ["a", "a", "b", "c"], "y": [1, 1, 2, 3]}, [["x", "y"]], params={"encodeType": "combo", "maxSize": 4}, encode_type="combo", max_size=4),
    groups("combo of three", {"x": "string", "y": "int64", "z": "bool"}, {"x": ["a", "a", "b", "a"], "y": [1, 1, 2, 1], "z": [True, False, True, True]}, [["x", "y", "z"]], params={"encodeType": "combo"}, encode_type="combo"),
    groups("combos that share a column", {"x": "string", "y": "int64", "z": "string"}, {"x": ["a", "b", "a"], "y": [1, 1, 2], "z": ["q", "q", "p"]}, [["x", "y"], ["x", "z"]], params={"encodeType": "combo"}, encode_type="combo"),
    groups("combo and a column alone", {"x": "string", "y": "int64"}, {"x": ["a", "b", "a"], "y": [1, 1, 2]}, [["x", "y"], "x"], params={"encodeType": "combo"}, encode_type="combo", note="their schema: the column has the domain of the group"),
    groups("combo, int32 ids", {"x": "string", "y": "int64"}, {"x": ["a", "b"], "y": [1, 2]}, [["x", "y"]], params={"encodeType": "combo", "outDtype": "int32"}, encode_type="combo", dtype=np.int32),
    groups("combo, numBuckets, values seen in fit", {"x": "string", "y": "int64"}, {"x": ["a", "b", "a"], "y": [1, 1, 2]}, [["x", "y"]], params={"encodeType": "combo", "numBuckets": 3}, encode_type="combo", num_buckets=3),

    normalize("float64", "float64", PRICES),
    normalize("float32", "float32", PRICES, note="float32"),
    normalize("float64 with nulls", "float64", [1.0, N, 3.0, 10.0, N]),
    normalize("float32 with nulls", "float32", [1.0, N, 3.0, 10.0, N], note="float32"),
    normalize("int64", "int64", INTS),
    normalize("int32", "int32", INTS),
    normalize("int8", "int8", [-128, 127, 0, 5]),
    normalize("uint8", "uint8", [0, 255, 17]),
    normalize("constant", "float64", [10.0] * 7),
    normalize("constant int", "int64", [4, 4, 4]),
    normalize("two values", "float64", [1.0, 2.0]),
    normalize("float32 out", "float64", PRICES, params={"outDtype": "float32"}, out_dtype=np.float32),
    normalize("other rows than the fit's", "float64", PRICES, [0.0, 5000.0, -1.0, N]),
    normalize("list of float64", "list<float64>", [[0.0, 1.0, 2.0], [3.0, 4.0], [5.0]]),
    normalize("list of int64", "list<int64>", [[1, 5], [9], [2, 2, 2]]),

    median("float64", "float64", [1.0, N, 3.0, 10.0, 4.0]),
    median("float64, odd count", "float64", [1.0, N, 3.0, 10.0]),
    median("float32", "float32", [1.5, N, 3.25, 10.0, 4.0]),
    median("one value", "float64", [5.0, N, N]),
    median("many values", "float64", [float(v) / 7 for v in MANY], [N, 1.0, -2.0]),
    median("flags", "float64", [1.5, N, -2.0, N], params={"addBinaryColumns": True}, add_binary_cols=True),
    median("nothing missing", "int64", [1, 2, 3]),
    median("int64, nulls in the request", "int64", [1, 2, 3, 9, 4], [N, 5], note="integers with nulls are float64 in pandas"),

    bucketize("float64", "float64", PRICES, [1.25, 7, 12.5, 100]),
    bucketize("float32", "float32", PRICES + [N], [1.25, 7, 12.5, 100]),
    bucketize("boundaries that float32 cannot hold", "float32", [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]),
    bucketize("null to the last bucket", "float64", [N, 1.0, -1.0], [0]),
    bucketize("int64", "int64", INTS, [10, 25.5, 40]),
    bucketize("int8", "int8", [-128, -1, 0, 127], [-1, 0, 500]),
    bucketize("by column", "int64", INTS, {"x": [20, 30]}),
    bucketize("no boundaries", "float64", PRICES, []),

    list_slice("first two", "list<int64>", LISTS, 2),
    list_slice("last two", "list<int64>", LISTS, -2),
    list_slice("a part", "list<int64>", LISTS, 1, 3),
    list_slice("without the last", "list<int64>", LISTS, -3, -1),
    list_slice("from a place to the end", "list<int64>", LISTS, -2, 100),
    list_slice("all of it", "list<int64>", LISTS, 0),
    list_slice("strings", "list<string>", [["a", "b", "c"], ["é"], []], 2),
    list_slice("floats", "list<float64>", [[0.5, 1.5], [2.5]], -1),
    list_slice("padded", "list<float64>", [[0.5, 1.5, 2.5], [3.5], []], 2, pad=True),
    list_slice("padded from the end", "list<float64>", [[0.5, 1.5, 2.5], [3.5], []], -2, pad=True),
    list_slice("padded with a value", "list<int64>", LISTS, 4, pad=True, value=-1),
    list_slice("padded part", "list<int64>", LISTS, 1, 4, pad=True, value=9),

    target("one column", {"g": "string"}, {"g": ["a", "a", "b", "b", "c"]}, [1, 0, 1, 1, 0]),
    target("two columns", {"g": "string", "h": "int64"}, {"g": ["a", "a", "b", "b", "c"], "h": [1, 2, 1, 2, 1]}, [1, 0, 1, 1, 0], p_smooth=2),
    target("two columns together", {"g": "string", "h": "int64"}, {"g": ["a", "a", "b", "b", "a"], "h": [1, 2, 1, 1, 1]}, [1, 0, 1, 1, 0], p_smooth=1, together=True),
    target("values not seen in fit", {"g": "int64"}, {"g": [1, 1, 2]}, [1, 0, 1], request={"g": [3, 1, 2], "y": [0, 0, 0]}, p_smooth=5),
    target("without smoothing", {"g": "int32"}, {"g": [1, 1, 2]}, [1, 0, 1], p_smooth=0),
    target("float target", {"g": "string"}, {"g": ["a", "a", "b"]}, [0.25, 3.5, -1.0], kind="float64"),
    target("float32 target", {"g": "string"}, {"g": ["a", "a", "b"]}, [0.25, 3.5, -1.0], kind="float32"),

    join_groupby("every statistic", {"g": "string"}, {"g": ["a", "a", "b", "b", "c"]}, [1.0, 2.0, 3.0, 4.5, 5.0], ALL_STATS),
    join_groupby("of integers", {"g": "int64"}, {"g": [1, 1, 2, 2, 2]}, [1, 2, 3, 4, -5], ALL_STATS, kind="int64"),
    join_groupby("of float32", {"g": "int32"}, {"g": [1, 1, 2, 2, 2]}, [1.5, 2.5, 3.25, 4.0, -5.0], ALL_STATS, kind="float32"),
    join_groupby("two columns", {"g": "string", "h": "int64"}, {"g": ["a", "a", "b"], "h": [1, 2, 1]}, [1.0, 2.0, 3.0], ["count", "sum"]),
    join_groupby("two columns together", {"g": "string", "h": "int64"}, {"g": ["a", "a", "b", "a"], "h": [1, 2, 1, 1]}, [1.0, 2.0, 3.0, 4.0], ["count", "mean", "max"], together=True),
    join_groupby("keys not seen in fit, without count", {"g": "int64"}, {"g": [1, 1, 2]}, [1.0, 2.0, 4.0], ["sum", "mean"], request={"g": [3, 1], "x": [0.0, 0.0]}),

    join_groupby("nvtabularNulls, every statistic", {"g": "string"}, NULL_VALUES, [1.0, N, 3.0, N, N, 4.0, 6.0, 2.5, N], ALL_STATS, nvtabularNulls=True),
    join_groupby("nvtabularNulls, of float32", {"g": "string"}, NULL_VALUES, [1.0, N, 3.0, N, N, 4.0, 6.0, 2.5, 1.5], ["mean", "var", "std"], kind="float32", nvtabularNulls=True),
    join_groupby("nvtabularNulls, nothing null", {"g": "string"}, NULL_VALUES, [1.0, 2.0, 3.0, 4.0, 5.0, 4.0, 6.0, 2.5, 1.5], ALL_STATS, nvtabularNulls=True),
    target("nvtabularNulls", {"g": "string"}, NULL_VALUES, [1.0, N, 3.0, N, N, 4.0, 6.0, 2.5, N], p_smooth=2, kind="float64", nvtabularNulls=True),
    target("nvtabularNulls, without smoothing", {"g": "string"}, NULL_VALUES, [1.0, N, 3.0, N, N, 4.0, 6.0, 2.5, N], p_smooth=0, kind="float32", nvtabularNulls=True),

    min_max("float64", "float64", PRICES),
    min_max("float32", "float32", PRICES, note="float32"),
    min_max("nulls", "float64", [1.0, N, 3.0, 10.0]),
    min_max("int64", "int64", INTS),
    min_max("int8", "int8", [-100, 20, 0, 5]),
    min_max("uint8", "uint8", [0, 255, 17]),
    min_max("constant", "float64", [3.0, 3.0]),
    min_max("constant int", "int64", [7, 7, 7]),
    min_max("float32 out", "float64", PRICES, params={"outDtype": "float32"}, out_dtype=np.float32),
    min_max("outside the fit's range", "float64", PRICES, [-5.0, 5000.0, N]),

    reduce_size("int64 to int8", "int64", [-128, 0, 127]),
    reduce_size("int64 to int16", "int64", [-128, 0, 128]),
    reduce_size("int64 to int16, below", "int64", [-129, 0, 7]),
    reduce_size("int64 to int32", "int64", [2**31 - 1, -(2**31)]),
    reduce_size("int64 stays", "int64", [2**31, 0]),
    reduce_size("int32 to int8", "int32", [1, 2, 3]),
    reduce_size("int16 stays", "int16", [32767, -1]),
    reduce_size("int8 stays", "int8", [1, 2]),
    reduce_size("float64 to float32", "float64", PRICES, note="float32"),
    reduce_size("float32 stays", "float32", PRICES),
    reduce_size("float64 on request", "float64", PRICES, params={"floatDtype": "float64"}, float_dtype=np.float64),
    reduce_size("float32 widens on request", "float32", PRICES, params={"floatDtype": "float64"}, float_dtype=np.float64),
    reduce_size("nulls of floats", "float64", [1.5, N, -2.0]),
    reduce_size("uint8 stays", "uint8", [0, 255]),
    reduce_size("bool stays", "bool", [True, False]),

    value_count("ragged", "list<int64>", [[1, 2, 3], [4], [5, 6]]),
    value_count("empty lists", "list<int64>", [[1, 2, 3], [], [5, 6]]),
    value_count("strings", "list<string>", [["a"], ["b", "c"]]),
    value_count("one length", "list<float64>", [[0.5, 1.5], [2.5, 3.5]]),
    value_count("floats", "list<float64>", [[0.5], [1.5, 2.5, 3.5]]),
    value_count("beyond the fit's lengths", "list<int64>", [[1, 2], [3]], [[1, 2, 3, 4], [5]]),

    low_cardinality("one goes", {"a": list("xyzuvw"), "b": list("xxyyxx")}, 5),
    low_cardinality("none goes", {"a": list("xyzuvw"), "b": list("xxyyxx")}, 4),
    low_cardinality("at the border", {"a": list("xyzxyz"), "b": list("xyzuuu")}, 6),
    low_cardinality("all but one", {"a": list("xyzuvw"), "b": list("xxyyxx"), "c": list("xxxxxx")}, 8),

    stats("float64", "float64", PRICES),
    stats("float64 with nulls", "float64", [1.0, N, 3.0, 10.0, N]),
    stats("float32", "float32", [1.5, 2.25, -8.0]),
    stats("int64", "int64", INTS),
    stats("int8", "int8", [-128, 127, 0, 0]),
    stats("uint16", "uint16", [65535, 0, 3]),
    stats("strings", "string", ["a", "bcd", "a", "", "ef"]),
    stats("strings with nulls", "string", ["a", N, "a", "efgh"]),
    stats("text outside ASCII", "string", ["é", "😀😀", "abc"]),

    row_hash("strings", "string", ["acme", "b", "acme", "c", "acme", "é", ""], 1000),
    row_hash("int64", "int64", [1, 1, 1, 1, -5, 2**62], 10),
    row_hash("int32", "int32", [7, -7, 7], 1000),
    row_hash("float64", "float64", [0.5, 0.5, -1.5], 100000),
    row_hash("bool", "bool", [True, False, True], 1000),
    row_hash("other rows than the fit's", "string", ["a"], 1000, ["q", "a", "q"]),
    row_cross("string and int64", {"a": "string", "b": "int64"}, {"a": ["x", "y", "x", "x"], "b": [1, 2, 1, 1]}, 1000),
    row_cross("three columns", {"a": "int32", "b": "string", "c": "float64"}, {"a": [1, -1, 5], "b": ["é", "", "z"], "c": [0.5, 2.5, -1.5]}, 2147483647),
    categorify("nvtabularHash, values not seen in fit", "string", ["a", "b", "a"], ["zz", "a", "zz", "q", "zz"], params={"numBuckets": 50, "nvtabularHash": True}, num_buckets=50),
    categorify("nvtabularHash, int64", "int64", [1, 2, 1], [99, 1, 99, 98], params={"numBuckets": 50, "nvtabularHash": True}, num_buckets=50),
    groups("nvtabularHash, combo", {"x": "string", "y": "int64"}, {"x": ["a", "b"], "y": [1, 2]}, [["x", "y"]], {"x": ["a", "a", "b", "a"], "y": [1, 2, 1, 2]}, params={"encodeType": "combo", "numBuckets": 50, "nvtabularHash": True}, encode_type="combo", num_buckets=50),

    folds("3", {"g": "string"}, {"g": list("aabbcaabbc")}, [1, 0, 1, 1, 0, 0, 0, 1, 0, 1]),
    folds("5", {"g": "string"}, {"g": list("aabbcaabbc")}, [1, 0, 1, 1, 0, 0, 0, 1, 0, 1], kfold=5, p_smooth=2),
    folds("2", {"g": "int64"}, {"g": [1, 1, 2, 2, 1, 2]}, [1, 0, 1, 1, 0, 0], kfold=2, p_smooth=1),
    folds("another seed", {"g": "string"}, {"g": list("aabbcaabbc")}, [1, 0, 1, 1, 0, 0, 0, 1, 0, 1], seed=7, p_smooth=3),
    folds("in turn", {"g": "string"}, {"g": list("aabbcaabbc")}, [1, 0, 1, 1, 0, 0, 0, 1, 0, 1], seed=None, p_smooth=3),
    folds("two columns together", {"g": "string", "h": "int64"}, {"g": list("aabbaa"), "h": [1, 1, 1, 2, 1, 1]}, [1, 0, 1, 1, 0, 1], together=True, p_smooth=2),
    folds("two columns", {"g": "string", "h": "int64"}, {"g": list("aabbaa"), "h": [1, 1, 1, 2, 1, 1]}, [1, 0, 1, 1, 0, 1], p_smooth=2),
    folds("float target", {"g": "string"}, {"g": list("aabbaa")}, [1.5, 0.25, 1.0, -1.0, 0.0, 3.5], kind="float64", p_smooth=2),
    folds("other rows than the fit's", {"g": "string"}, {"g": list("aabbaa")}, [1, 0, 1, 1, 0, 1], request={"g": ["a", "a", "b", "zz", "b"], "y": [0, 0, 0, 0, 0]}, p_smooth=2),

    dropna("floats", {"a": "float64", "b": "float64"}, {"a": [1.0, N, 3.0, 4.0], "b": [1.0, 2.0, N, 4.0]}),
    dropna("strings", {"a": "string", "b": "int64"}, {"a": ["x", N, "", "y"], "b": [1, 2, 3, 4]}),
    dropna("nothing to drop", {"a": "int64"}, {"a": [1, 2, 3]}),
    dropna("all", {"a": "float64"}, {"a": [N, 1.0]}),
    dropna("three columns", {"a": "float32", "b": "string", "c": "float64"}, {"a": [1.5, 2.5, N], "b": ["x", N, "z"], "c": [0.5, 0.5, 0.5]}),

    lag("one key", "float64", [1.0, 3.0, 6.5, 10.0, 12.0], {"u": [1, 1, 2, 2, 2]}),
    lag("int64", "int64", [100, 130, 5, 9, 27], {"u": [1, 1, 2, 2, 2]}),
    lag("int32", "int32", [100, 130, 5], {"u": [1, 1, 1]}),
    lag("float32", "float32", [1.5, 3.25, 0.1], {"u": [1, 1, 1]}),
    lag("ahead", "float64", [1.0, 3.0, 6.5, 10.0, 12.0], {"u": [1, 1, 2, 2, 2]}, -1),
    lag("two back", "float64", [1.0, 3.0, 6.5, 10.0, 12.0], {"u": [1, 1, 1, 2, 2]}, 2),
    lag("both ways", "float64", [1.0, 3.0, 6.5, 10.0, 12.0], {"u": [1, 1, 2, 2, 2]}, [1, -1]),
    lag("two keys", "float64", [1.0, 3.0, 6.5, 10.0, 12.0], {"u": [1, 1, 1, 2, 2], "v": [7, 7, 8, 8, 8]}),
    lag("text keys", "float64", [1.0, 3.0, 6.5], {"u": ["a", "a", "b"]}, partition="string"),
    lag("nulls", "float64", [1.0, N, 6.5, 7.0], {"u": [1, 1, 1, 1]}),
    lag("beyond the rows", "float64", [1.0, 2.0], {"u": [1, 1]}, 5),
    lag("timestamps beyond 2^53", "int64", [2**60, 2**60 + 4096, 2**60 + 2**40], {"u": [1, 1, 1]}),

    *[groupby(f"{agg} of float64", {"g": "int64", "x": "float64"}, {"g": [1, 2, 1, 2, 1], "x": [1.5, 2.5, N, 4.25, -8.0]}, "g", agg) for agg in ("count", "nunique", "sum", "mean", "std", "var", "median", "min", "max")],
    *[groupby(f"{agg} of int64", {"g": "int64", "x": "int64"}, {"g": [1, 2, 1, 2, 1], "x": [5, 2, 9, 4, 5]}, "g", agg) for agg in ("count", "nunique", "sum", "mean", "std", "var", "median", "min", "max", "list")],
    *[groupby(f"{agg} of int32", {"g": "string", "x": "int32"}, {"g": ["b", "a", "b"], "x": [5, 2, 9]}, "g", agg) for agg in ("sum", "mean", "min", "max")],
    *[groupby(f"{agg} of float32", {"g": "string", "x": "float32"}, {"g": ["b", "a", "b"], "x": [5.5, 2.25, 9.0]}, "g", agg) for agg in ("sum", "mean", "min", "max")],
    groupby("list of float64", {"g": "int64", "x": "float64"}, {"g": [1, 2, 1], "x": [1.5, 2.5, 3.5]}, "g", "list"),
    groupby("list of strings", {"g": "int64", "x": "string"}, {"g": [1, 2, 1], "x": ["a", "b", "c"]}, "g", "list"),
    groupby("lists, sorted", {"g": "int64", "t": "int64", "x": "string"}, {"g": [1, 2, 1, 1], "t": [3, 1, 1, 2], "x": ["a", "b", "c", "d"]}, "g", {"x": "list"}, sort="t"),
    groupby("lists, sorted backwards", {"g": "int64", "t": "int64", "x": "string"}, {"g": [1, 2, 1, 1], "t": [3, 1, 1, 2], "x": ["a", "b", "c", "d"]}, "g", {"x": "list"}, sort="t", ascending=False),
    groupby("first and last", {"g": "int64", "t": "int64"}, {"g": [1, 2, 1, 1], "t": [3, 1, 1, 2]}, "g", {"t": ["first", "last"]}, sort="t", note="their schema: int32 beside int64 data"),
    groupby("first and last, backwards", {"g": "int64", "t": "int64"}, {"g": [1, 2, 1, 1], "t": [3, 1, 1, 2]}, "g", {"t": ["first", "last"]}, sort="t", ascending=False, note="their schema: int32 beside int64 data"),
    groupby("several aggregations by column", {"g": "int64", "x": "float64", "y": "int64"}, {"g": [1, 2, 1], "x": [1.5, 2.5, 3.5], "y": [7, 8, 9]}, "g", {"x": ["sum", "mean"], "y": "list"}),
    groupby("two keys", {"g": "int64", "h": "string", "x": "float64"}, {"g": [1, 1, 1, 2], "h": ["a", "b", "a", "a"], "x": [1.0, 2.0, 4.0, 8.0]}, ["g", "h"], "sum"),
    groupby("null keys go", {"g": "string", "x": "float64"}, {"g": ["a", N, "a", N], "x": [1.0, 2.0, 4.0, 8.0]}, "g", "sum"),
    groupby("another separator", {"g": "int64", "x": "float64"}, {"g": [1, 2, 1], "x": [1.5, 2.5, 3.5]}, "g", "mean", sep="-"),
    groupby("a session", {"session": "int64", "item": "int64", "ts": "int64", "price": "float64"}, {"session": [1, 2, 1, 2, 1], "item": [10, 20, 30, 40, 10], "ts": [5, 1, 3, 2, 4], "price": [1.5, 2.5, 3.5, 4.5, 5.5]}, "session", {"item": ["list", "count", "nunique"], "price": "list"}, sort="ts"),

    external("left", {"i": "int64", "x": "float64"}, {"i": [1, 2, 1], "x": [0.5, 1.5, 2.5]}, {"i": "int64", "brand": "string", "price": "float64"}, {"i": [1, 2, 3], "brand": ["a", "b", "c"], "price": [9.5, 8.5, 7.5]}, "i"),
    external("left, keys without a match", {"i": "int64"}, {"i": [1, 9, 2]}, {"i": "int64", "brand": "string", "price": "float64"}, {"i": [1, 2], "brand": ["a", "b"], "price": [9.5, 8.5]}, "i"),
    external("inner", {"i": "int64"}, {"i": [1, 9, 2, 1]}, {"i": "int64", "brand": "string"}, {"i": [1, 2], "brand": ["a", "b"]}, "i", how="inner"),
    external("another name in the file", {"i": "int64"}, {"i": [1, 2]}, {"item": "int64", "n": "int64"}, {"item": [2, 1], "n": [20, 10]}, "i", on_ext="item", take=["item", "n"]),
    external("two keys", {"i": "int64", "c": "string"}, {"i": [1, 1, 2], "c": ["x", "y", "x"]}, {"i": "int64", "c": "string", "n": "float64"}, {"i": [1, 1, 2], "c": ["x", "y", "x"], "n": [0.5, 1.5, 2.5]}, ["i", "c"]),
    external("text keys", {"c": "string"}, {"c": ["x", "zz", "é"]}, {"c": "string", "n": "float32"}, {"c": ["é", "x"], "n": [0.5, 1.5]}, "c"),
    external("some columns", {"i": "int64"}, {"i": [1, 2]}, {"i": "int64", "a": "int64", "b": "int64"}, {"i": [1, 2], "a": [5, 6], "b": [7, 8]}, "i", take=["b"]),
    external("duplicates dropped", {"i": "int64"}, {"i": [1, 2]}, {"i": "int64", "a": "string"}, {"i": [1, 1, 2], "a": ["x", "x", "y"]}, "i", duplicates=True),
    external("other rows than the fit's", {"i": "int64"}, {"i": [1]}, {"i": "int64", "a": "string"}, {"i": [1, 2], "a": ["x", "y"]}, "i", request={"i": [2, 7, 1]}),

    *[similarity(f"{metric}", [0, 1, 2, 0], [1, 2, 2, 0], [(0, 0, 1.0), (0, 2, 1.0), (1, 0, 2.0), (1, 1, 1.0), (2, 2, 3.0), (2, 1, 1.0)], metric) for metric in ("tfidf", "cosine", "inner")],
    *[similarity(f"{metric}, without values", [0, 1, 2], [2, 2, 0], [(0, 0, 1.0), (0, 2, 1.0), (1, 1, 1.0), (2, 2, 1.0), (2, 1, 1.0)], metric, values=False) for metric in ("tfidf", "cosine")],
    *[similarity(f"{metric}, two matrices", [0, 1], [1, 0], [(0, 0, 1.0), (1, 1, 2.0), (1, 0, 1.0)], metric, right=[(0, 0, 4.0), (1, 1, 1.0), (1, 0, 2.0)]) for metric in ("tfidf", "cosine", "inner")],

    fill("float64", "float64", [1.5, N, -2.0, N], 0),
    fill("float32 with a fraction", "float32", [1.5, N, -2.0], 0.1),
    fill("negative", "float64", [N, N, 3.0], -1),
    fill("nothing missing", "int64", [1, 2, 3], 7),
    fill("strings", "string", ["a", N, ""], "unknown"),
    fill("flags", "float64", [1.5, N, -2.0, N], 0, flags=True),
    fill("flags of strings", "string", ["a", N, ""], "?", flags=True),
    fill("int64 with nulls", "int64", [1, N, 3], 9, note="integers with nulls are float64 in pandas"),
    fill("flags of int32", "int32", [1, N, 3], -9, flags=True, note="integers with nulls are float64 in pandas"),

    clip("min", "float64", PRICES, low=2.0),
    clip("max", "float64", PRICES, high=50),
    clip("both", "float64", PRICES, low=2.5, high=50.25),
    clip("float32", "float32", PRICES, low=1.1, high=99.9),
    clip("nulls stay", "float64", [N, 1.0, 5.0], low=2, high=3),
    clip("int64", "int64", INTS, low=15, high=35),
    clip("int8", "int8", [-128, -1, 0, 1, 127], low=-1, high=1),

    log("float64", "float64", PRICES),
    log("float32", "float32", PRICES),
    log("int64", "int64", [0, 1, 10, 100000, 2**40]),
    log("int32", "int32", [0, 1, 99]),
    log("at and below minus one", "float64", [-1.0, -0.5, -2.0, 0.0]),
    log("nulls", "float64", [N, 1.0]),
    log("list of float32", "list<float32>", [[0.0, 1.0], [2.5], [7.0, 8.0, 9.0]]),
    log("beyond float32", "float64", [1e300, 3e38, 1e-300]),

    pandas_hash("strings", "string", WORDS + ["12345678", "a longer text of more than sixteen bytes"], 1000),
    pandas_hash("null string", "string", ["a", N], 97),
    pandas_hash("int64", "int64", [0, 1, 2, 3, -1, 9223372036854775807, -9223372036854775808], 1000),
    pandas_hash("int32", "int32", [0, 1, -1, -2147483648], 1000),
    pandas_hash("int16", "int16", [0, 1, -1, -32768], 1000),
    pandas_hash("int8", "int8", [0, 1, -1, -128], 1000),
    pandas_hash("uint64", "uint64", [0, 18446744073709551615], 2147483647),
    pandas_hash("uint8", "uint8", [0, 255], 3),
    pandas_hash("float64", "float64", [0.0, 1.5, -1.5, N, 1e300], 100000),
    pandas_hash("float32", "float32", [0.0, 1.5, -1.5, N], 100000),
    pandas_hash("bool", "bool", [True, False], 100000),

    pandas_cross("string and int64", {"a": "string", "b": "int64"}, {"a": ["x", "y", "x", N], "b": [1, 2, 1, 3]}, 1000),
    pandas_cross("three columns", {"a": "int32", "b": "string", "c": "float64"}, {"a": [1, -1, 5], "b": ["é", "", "z"], "c": [0.5, N, -1.5]}, 2147483647),
    pandas_cross("a column and itself in another width", {"a": "int64", "b": "uint8"}, {"a": [1, 2, 3], "b": [1, 2, 3]}, 10),
    pandas_cross("booleans", {"a": "bool", "b": "bool"}, {"a": [True, False, True], "b": [False, False, True]}, 97),

    case(
        "chain/price",
        {"price": "float64"},
        [{"op": "fillMissing", "params": {"fillValue": 0}}, {"op": "clip", "params": {"min": 0, "max": 500}}, {"op": "logOp"}, {"op": "normalize"}],
        {"price": PRICES + [N, -5.0]},
        None,
        lambda: ["price"] >> ops.FillMissing(0) >> ops.Clip(0, 500) >> ops.LogOp() >> ops.Normalize(),
        note="float32",
    ),
    case(
        "chain/sessions of ids",
        {"session": "int64", "item": "string", "ts": "int64"},
        [{"op": "categorify", "columns": ["item"]}, {"op": "groupby", "params": {"by": "session", "aggs": {"item": ["list", "count"]}, "sort": "ts"}}],
        {"session": [2, 1, 2, 1, 2], "item": ["a", "b", "c", "a", "a"], "ts": [3, 2, 1, 1, 2]},
        None,
        lambda: ["session", "ts"] + (["item"] >> ops.Categorify()) >> ops.Groupby("session", sort_cols="ts", aggs={"item": ["list", "count"]}),
    ),
    case(
        "chain/fill then categorify",
        {"brand": "string"},
        [{"op": "fillMissing", "params": {"fillValue": "none"}}, {"op": "categorify"}],
        {"brand": NULL_WORDS},
        None,
        lambda: ["brand"] >> ops.FillMissing("none") >> ops.Categorify(),
    ),
    case(
        "chain/clip then categorify",
        {"n": "int64"},
        [{"op": "clip", "params": {"min": 15, "max": 35}}, {"op": "categorify"}],
        {"n": INTS},
        None,
        lambda: ["n"] >> ops.Clip(15, 35) >> ops.Categorify(),
    ),
]

# Intended differences: NVTabular's result is recorded, and the test has both.
DIFFERENT = [
    one("hashBucket depends on the row", "string", {"op": "hashBucket", "params": {"numBuckets": 1000}}, ["acme", "b", "acme", "c", "acme"], lambda: ops.HashBucket(1000)),
    one("null inside a list", "list<string>", {"op": "categorify"}, [["a", N], ["b", "a"]], ops.Categorify),
    one("normalize far from zero", "int64", {"op": "normalize"}, [10**12, 10**12 + 5, 10**12 - 9], ops.Normalize),
    one("median of an even count of integers", "int64", {"op": "fillMedian"}, [1, 2, 3, 10], ops.FillMedian, [N, 7]),
    case("joinGroupby of null", {"g": "string", "x": "float64"}, [{"op": "joinGroupby", "params": {"stats": ["count", "mean"]}, "columns": ["g"], "ports": {"of": ["x"]}}],
         {"g": ["a", N, N, "a"], "x": [1.0, 2.0, 4.0, 5.0]}, None, lambda: ["g"] >> ops.JoinGroupby(cont_cols=["x"], stats=["count", "mean"])),
    case("joinGroupby of null values", {"g": "string", "x": "float64"}, [{"op": "joinGroupby", "params": {"stats": ALL_STATS}, "columns": ["g"], "ports": {"of": ["x"]}}],
         {**NULL_VALUES, "x": [1.0, N, 3.0, N, N, 4.0, 6.0, 2.5, N]}, None, lambda: ["g"] >> ops.JoinGroupby(cont_cols=["x"], stats=ALL_STATS)),
    case("targetEncoding of null targets", {"g": "string", "y": "float64"}, [{"op": "targetEncoding", "params": {"pSmooth": 2}, "columns": ["g"], "ports": {"target": ["y"]}}],
         {**NULL_VALUES, "y": [1.0, N, 3.0, N, N, 4.0, 6.0, 2.5, N]}, None, lambda: ["g"] >> ops.TargetEncoding(["y"], kfold=1, p_smooth=2)),
    case("targetEncoding of null", {"g": "string", "y": "int64"}, [{"op": "targetEncoding", "params": {"pSmooth": 2}, "columns": ["g"], "ports": {"target": ["y"]}}],
         {"g": ["a", N, N, "a"], "y": [1, 1, 0, 0]}, None, lambda: ["g"] >> ops.TargetEncoding(["y"], kfold=1, p_smooth=2)),
    case("targetEncoding by the place of a row", {"g": "string", "y": "int64"}, [{"op": "targetEncoding", "params": {"pSmooth": 2}, "columns": ["g"], "ports": {"target": ["y"]}}],
         {"g": ["a", "a", "a", "a"], "y": [1, 1, 0, 0]}, None, lambda: ["g"] >> ops.TargetEncoding(["y"], p_smooth=2)),
    case(
        "groupby after dropna",
        {"g": "string", "x": "float64"},
        [{"op": "dropna"}, {"op": "groupby", "params": {"by": "g", "aggs": ["list", "sum"]}}],
        {"g": ["a", "b", N, "a", "b", "a"], "x": [1.0, 2.0, 3.0, N, 5.0, 6.0]},
        None,
        lambda: ["g", "x"] >> ops.Dropna() >> ops.Groupby("g", aggs=["list", "sum"]),
    ),
    one("min-max of a constant zero", "float64", {"op": "normalizeMinMax"}, [0.0, 0.0], ops.NormalizeMinMax),
    one("clip of integers by fractions", "int64", {"op": "clip", "params": {"min": 1.5, "max": 3.5}}, [0, 1, 2, 3, 4], lambda: ops.Clip(1.5, 3.5)),
]
