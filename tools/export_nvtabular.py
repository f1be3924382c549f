#!/usr/bin/env python3
"""Writes a fitted NVTabular workflow as JSON and Parquet, in the form that `merlon import nvtabular` reads.

For workflows that NVTabular saved as a pickle (23.08 and earlier). Run it where that NVTabular is installed, then import anywhere:

    python export_nvtabular.py saved_workflow/ exported/
    merlon import nvtabular exported/ --out etl/ranking

It needs nothing but NVTabular itself, and nvtabular_functions.py beside it. `exported/` gets graph.json with the operators, their parameters and fitted numbers, and artifacts/ with vocabularies and tables of statistics. Functions of LambdaOp, Filter and Rename, and operators of one's own,
become expressions: arithmetic, comparisons, conditions, numpy's functions, texts and times. One that does something else is refused by name.

A function that reads a whole column, as `col - col.min()` does, needs the data: the value it has there becomes a constant.

    python export_nvtabular.py saved_workflow/ exported/ --data 'train/*.parquet'
"""
import argparse
import glob
import json
import math
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nvtabular_functions  # noqa: E402


def plain(value):
    """JSON of numpy's numbers, dtypes and containers. NaN, which JSON has not, becomes null."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(v) for v in value]
    if hasattr(value, "item"):
        return plain(value.item())
    return str(value)


def dtype_of(dtype):
    if dtype is None:
        return None
    import numpy

    name = getattr(dtype, "name", None) or numpy.dtype(dtype).name
    return {"name": str(name)}


def schema_of(schema):
    if schema is None:
        return None
    columns = []
    for column in schema.column_schemas.values():
        entry = {
            "name": column.name,
            "tags": [str(tag) for tag in column.tags],
            "properties": plain(column.properties),
            "dtype": dtype_of(column.dtype),
            "is_list": bool(column.is_list),
            "is_ragged": bool(column.is_ragged),
        }
        dims = getattr(getattr(column, "shape", None), "dims", None)
        if dims:
            entry["dtype"]["shape"] = [{"min": d.min, "max": d.max} for d in dims]
        columns.append(entry)
    return columns


def copy_files(paths, folder):
    """Copies statistics files; answers their records, relative to the folder of the node."""
    records = []
    for key, path in paths.items():
        name = os.path.join("categories", os.path.basename(str(path).rstrip("/")))
        target = os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        (shutil.copytree if os.path.isdir(path) else shutil.copyfile)(path, target)
        records.append({"key": list(key) if isinstance(key, tuple) else [key], "path": name})
    return records


def refuse(node, what):
    names = ", ".join(f"`{name}`" for name in node.output_schema.column_names[:5]) if node.output_schema else "its columns"
    sys.exit(f"{type(node.op).__name__} (of {names}) {what}: it can't be written down. Express it in Merlon instead: see lambdaOp and filter.")


# Operators whose columns keep the dtypes of those they are made of, whatever the schema says.
KEEPING = {"SelectionOp", "SubsetColumns", "SubtractionOp", "ConcatColumns", "GroupingOp", "Rename", "AddMetadata", "Filter", "Dropna", "Subgraph", "FillMissing", "Groupby"}
TIMES_KEPT = {"first", "last", "min", "max"}


class Dtypes:
    """pandas' dtypes of nodes' columns. The schema of a LambdaOp has its input, so the output of its function is recorded here."""

    def __init__(self):
        self.made = {}

    def of(self, node):
        if id(node) not in self.made:
            self.made[id(node)] = self.found(node)
        return self.made[id(node)]

    def into(self, node):
        return {name: dtype for other in upstream(node) for name, dtype in self.of(other).items()}

    def found(self, node):
        dtypes = {column.name: pandas_dtype(column) for column in node.output_schema}
        if not upstream(node) or not self.keeps(node):
            return dtypes
        known = self.into(node)
        mapping = node.op.column_mapping(node.selector or node.input_columns)
        for name in dtypes:
            sources = mapping.get(name, [name])
            is_kept = type(node.op).__name__ != "Groupby" or name in known or any(name.endswith(node.op.name_sep + agg) for agg in TIMES_KEPT)
            if is_kept and len(sources) == 1 and sources[0] in known:
                dtypes[name] = known[sources[0]]
        return dtypes

    @staticmethod
    def keeps(node):
        return type(node.op).__name__ in KEEPING or any(base.__name__ == "AddMetadata" for base in type(node.op).__mro__)


def pandas_dtype(column):
    """`list` for lists; texts and what is not known are objects."""
    import numpy

    if column.is_list:
        return "list"
    name = str(getattr(column.dtype, "name", column.dtype))
    if name.startswith("datetime64"):
        return "datetime64[ns]"
    try:
        return str(numpy.dtype(name))
    except TypeError:
        return "object"


class Functions:
    """Expressions of the nodes that hold functions."""

    def __init__(self, data):
        self.dtypes = Dtypes()
        self.data = data

    def rows(self, node):
        if self.data is None:
            return nvtabular_functions.made_up(self.dtypes.into(node)), False
        from merlin.dag.executors import DaskExecutor

        frames = [DaskExecutor().transform(self.data.to_ddf(), [other]).compute() for other in upstream(node)]
        columns = {}
        for frame in frames:
            frame = frame.to_pandas() if hasattr(frame, "to_pandas") else frame
            columns.update({name: frame[name].reset_index(drop=True) for name in frame.columns})
        import pandas

        return pandas.DataFrame(columns), True

    def translated(self, node, translate):
        rows, is_data = self.rows(node)
        try:
            return translate(rows, is_data)
        except nvtabular_functions.Untranslatable as error:
            refuse(node, str(error))

    def columns(self, node, is_own=False):
        names = list(node.output_schema.column_names)
        if is_own:
            translate = lambda rows, is_data: nvtabular_functions.columns_of_operator(node.op, node.input_columns, names, rows, is_data)
        else:
            translate = lambda rows, is_data: nvtabular_functions.columns_of(node.op, names, rows, is_data)
        functions, dtypes, notes = self.translated(node, translate)
        self.dtypes.made[id(node)] = dtypes
        return {"functions": functions, "notes": notes}

    def condition(self, node):
        tree, notes = self.translated(node, lambda rows, is_data: nvtabular_functions.condition_of(node.op.f, rows, is_data))
        return {"condition": tree, "notes": notes}


def renamed(node):
    """Old name → new name, of a Rename with a function."""
    names = {name: node.op.f(name) for name in node.input_columns.names}
    if not all(isinstance(name, str) for name in names.values()):
        refuse(node, "gives names that are not text")
    return names


def names_of(target):
    if hasattr(target, "output_columns"):
        return list(target.output_columns.names)
    if hasattr(target, "names"):
        return list(target.names)
    return [target] if isinstance(target, str) else [str(t) for t in target]


def groups_of(node):
    """The columns of each group; all of them where the node has none."""
    grouped = [list(group) for group in node.input_columns.grouped_names if not isinstance(group, str)]
    return grouped or [list(node.input_columns.names)]


def aggregations(op):
    """Column, or `__all__` → names of its outputs."""
    columns = dict.fromkeys([*op.conv_aggs, *op.list_aggs])
    named = lambda column: [agg for agg in op.conv_aggs.get(column, []) if isinstance(agg, str)] + op.list_aggs.get(column, [])
    return {column: list(dict.fromkeys(named(column))) for column in columns}


def external(node, folder):
    """The file of JoinExternal, as it is joined: its columns alone, without duplicates where it drops them."""
    op = node.op
    frame = op._ext
    frame = frame.compute() if hasattr(frame, "compute") else frame
    frame = frame.to_pandas() if hasattr(frame, "to_pandas") else frame
    as_list = lambda names: [names] if isinstance(names, str) else list(names)
    types = {entry["name"]: entry["dtype"]["name"] for entry in schema_of(op.df_ext.schema)}
    os.makedirs(folder, exist_ok=True)
    frame.to_parquet(os.path.join(folder, "external.parquet"), index=False)
    columns = {str(name): types[name] for name in frame.columns}
    return {"on": as_list(op.on), "on_ext": as_list(op.on_ext), "how": op.how, "columns": columns, "path": "external.parquet"}


def similarity(node, folder):
    """Entries of the matrices of ColumnSimilarity: weighed already where the workflow has run, or where the last rows are empty."""
    import pandas

    op = node.op
    sides = [op.left_features] + ([op.right_features] if op.right_features is not None else [])
    coordinates = lambda matrix: (matrix.get() if hasattr(matrix, "get") else matrix).tocoo()
    is_raw = not op._initialized and all(m.shape[0] == m.row.max() + 1 for m in map(coordinates, sides))
    if not is_raw:
        op.on_device = False
        op._initialize_features()
        sides = [op.left_features, op.right_features]
    os.makedirs(folder, exist_ok=True)
    paths = []
    for name, matrix in zip(["features.parquet", "right_features.parquet"], map(coordinates, sides)):
        frame = pandas.DataFrame({"row": matrix.row.astype("int64"), "column": matrix.col.astype("int64"), "value": matrix.data.astype("float64")})
        frame.to_parquet(os.path.join(folder, name), index=False)
        paths.append(name)
    return {"metric": op.metric if is_raw else "inner", "groups": groups_of(node), "paths": paths}


def describe(node, folder, functions):
    """(class, parameters, state) of one node's operator."""
    op = node.op
    kind = type(op).__name__
    get = lambda *names: {name: plain(getattr(op, name)) for name in names}
    numbers = lambda values: {str(k): plain(float(v)) for k, v in values.items()}
    if kind == "SelectionOp":
        names = list(op.selector.names) if getattr(op, "selector", None) else list(node.output_schema.column_names)
        return {"selector": {"names": names, "tags": []}}, {}
    if kind in ("ConcatColumns", "GroupingOp", "LogOp", "Dropna"):
        return {}, {}
    if kind == "SubtractionOp":
        return {"selector": {"names": list(node.output_schema.column_names), "tags": []}}, {}
    if kind == "Subgraph":
        if op.loop_until is not None:
            refuse(node, "with `loop_until`")
        return get("name"), {}
    if kind == "Groupby":
        return {**get("groupby_cols", "sort_cols", "ascending", "name_sep"), "aggs": aggregations(op)}, {}
    if kind == "JoinExternal":
        return external(node, folder), {}
    if kind == "DifferenceLag":
        return {"partition_cols": names_of(op.partition_cols), "shifts": plain(op.shifts)}, {}
    if kind == "ColumnSimilarity":
        return similarity(node, folder), {}
    if kind == "DropLowCardinality":
        return get("min_cardinality"), {}
    if kind == "ValueCount":
        return {}, {"value_counts": {str(k): plain(v["value_count"]) for k, v in op.stats.items()}}
    if kind == "ReduceDtypeSize":
        return {"float_dtype": dtype_of(op.float_dtype)}, {"dtypes": {str(k): dtype_of(v)["name"] for k, v in op.dtypes.items()}}
    if kind == "DataStats":
        return {}, {"output": plain(op.output)}
    if kind == "SubsetColumns":
        return {"selector": {"names": list(node.output_schema.column_names), "tags": []}}, {}
    if kind == "FillMissing":
        return get("fill_val", "add_binary_cols"), {}
    if kind == "FillMedian":
        return get("add_binary_cols"), {"medians": numbers(op.medians)}
    if kind == "Normalize":
        return {"out_dtype": dtype_of(op.out_dtype)}, {"means": numbers(op.means), "stds": numbers(op.stds)}
    if kind == "NormalizeMinMax":
        return {"out_dtype": dtype_of(op.out_dtype)}, {"mins": numbers(op.mins), "maxs": numbers(op.maxs)}
    if kind == "Clip":
        return get("min_value", "max_value"), {}
    if kind == "HashBucket":
        return get("num_buckets"), {}
    if kind == "HashedCross":
        crosses = groups_of(node)
        sizes = op.num_buckets
        # A dictionary has the crossed columns as keys, for which JSON has no form.
        return {"num_buckets": [sizes[tuple(c)] for c in crosses] if isinstance(sizes, dict) else sizes, "crosses": crosses}, {}
    if kind == "Bucketize":
        # The operator keeps a function; what it answers for a column is the list.
        bounds = {name: plain(list(op.boundaries(name) if callable(op.boundaries) else op.boundaries[name])) for name in node.input_columns.names}
        return {"boundaries": bounds}, {}
    if kind == "ListSlice":
        return get("start", "end", "pad", "pad_value"), {}
    if kind == "Rename":
        if op.f is not None:
            return {"names": renamed(node)}, {}
        return {"f": None, **get("postfix", "name")}, {}
    if kind in ("LambdaOp", "UDF"):
        return functions.columns(node), {}
    if kind == "Filter":
        return functions.condition(node), {}
    if kind == "AddMetadata" or any(base.__name__ == "AddMetadata" for base in type(op).__mro__):
        return {"tags": [str(tag) for tag in op.tags], "properties": plain(op.properties)}, {}
    if kind == "Categorify":
        params = get("freq_threshold", "encode_type", "name_sep", "num_buckets", "max_size", "single_table")
        params["dtype"] = dtype_of(op.dtype)
        storage = {str(k): str(v) for k, v in op.storage_name.items()}
        return params, {"categories": copy_files(op.categories, folder), "storage_name": storage}
    if kind == "TargetEncoding":
        params = {"target_cols": names_of(op.target), **get("kfold", "fold_seed", "p_smooth", "out_col", "name_sep")}
        params["out_dtype"] = dtype_of(op.out_dtype)
        full = {key: path for key, path in op.stats.items() if not str(key).startswith("__fold")}
        return params, {"stats": copy_files(full, folder), "means": numbers(op.means)}
    if kind == "JoinGroupby":
        names = list(op._cont_names.names) if getattr(op, "_cont_names", None) is not None else []
        params = {"cont_cols": names, **get("stats", "name_sep")}
        storage = {str(k): str(v) for k, v in op.storage_name.items()}
        return params, {"categories": copy_files(op.categories, folder), "storage_name": storage}
    if not type(op).__module__.startswith(("nvtabular.", "merlin.")):
        return functions.columns(node, is_own=True), {}
    refuse(node, "is not one of the operators that are exported")


def upstream(node):
    """The nodes that a node reads; of a subgraph, its inner output."""
    if type(node.op).__name__ == "Subgraph":
        return [node.op.graph.output_node]
    return [other for other in [*node.parents, *node.dependencies] if hasattr(other, "parents")]


def check_subgraph(node):
    """Inner nodes read the columns of the request: a subgraph behind computed columns would not be the same."""
    if type(node.op).__name__ == "Subgraph" and any(type(p.op).__name__ != "SelectionOp" for p in node.parents):
        refuse(node, f"{node.op.name} behind other operators")


def in_order(output):
    """Nodes after the nodes they read."""
    done, order = set(), []

    def visit(node):
        if id(node) in done:
            return
        done.add(id(node))
        for other in upstream(node):
            visit(other)
        order.append(node)

    visit(output)
    return order


def class_of(op):
    """The importer's name of a class: a user's own operator is read as a LambdaOp is."""
    base = next((c for c in type(op).__mro__ if c.__name__ == "AddMetadata"), type(op))
    if base is not type(op) or base.__module__.startswith(("nvtabular.", "merlin.")):
        return f"{type(op).__module__}.{base.__name__}"
    return "nvtabular.ops.LambdaOp"


def main(source, target, data=None):
    import nvtabular

    workflow = nvtabular.Workflow.load(source)
    functions = Functions(nvtabular.Dataset(data, cpu=True if not nvtabular.dispatch.HAS_GPU else None) if data else None)
    order = in_order(workflow.output_node)
    ids = {id(node): i for i, node in enumerate(order)}
    nodes = []
    for i, node in enumerate(order):
        folder = os.path.join(target, "artifacts", f"node_{i}")
        check_subgraph(node)
        params, state = describe(node, folder, functions)
        nodes.append(
            {
                "id": i,
                "op_class": class_of(node.op),
                "op_params": params,
                "op_state": state,
                "parent_ids": [ids[id(p)] for p in (upstream(node) if type(node.op).__name__ == "Subgraph" else node.parents)],
                "dependency_ids": [ids[id(d)] for d in node.dependencies if id(d) in ids],
                "selector": {"names": list(node.input_columns.names), "tags": []} if node.input_columns else None,
                "input_schema": schema_of(node.input_schema),
                "output_schema": schema_of(node.output_schema),
            }
        )
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, "graph.json"), "w", encoding="utf-8") as file:
        json.dump({"format_version": 1, "output_node_id": ids[id(workflow.output_node)], "nodes": nodes}, file, indent=1)
    print(f"Wrote {os.path.join(target, 'graph.json')}: {len(nodes)} nodes.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="folder that Workflow.save wrote")
    parser.add_argument("target", help="folder to write")
    parser.add_argument("--data", help="Parquet files that functions of whole columns are computed of")
    given = parser.parse_args()
    files = sorted(glob.glob(given.data)) if given.data else None
    if files == []:
        sys.exit(f"--data {given.data}: no such files.")
    main(given.source, given.target, files)
