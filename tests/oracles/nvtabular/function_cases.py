"""Cases of `lambdaOp` and `filter`: a function as Merlon reads it beside the one that NVTabular runs."""
import numpy as np
import pandas as pd
from nvtabular import ops

from cases import INTS, N, PRICES, case

# Merlin says datetime64[ns] of a time, and here it is an int64 that says its unit.
DATETIMES = "their schema: times are datetime64"
T = [1714566896789, -1500, 1714567200000, 1709247600000, 1714694401000, 1714566896789, -1500]
T_NULLS = [1714566896789, N, 1714567200000, N, 1709247600000]
T_NS = [1714566896789123457, 1714566896789123460, -1, 1714566896789123457, 0, 1714566896789123999]


def lambda_op(name, dtype, fit, text, f, made=None, note=None):
    """On one column `x`. `made` is the requested dtype."""
    link = {"op": "lambdaOp", "params": {"dtype": made} if made else {}, "lambda": text}
    return case(f"lambdaOp/{name}", {"x": dtype}, [link], {"x": fit}, None, lambda: ["x"] >> ops.LambdaOp(f, dtype=made), note=note)


def filter_rows(name, types, fit, text, f, note=None):
    return case(f"filter/{name}", types, [{"op": "filter", "lambda": text}], fit, None, lambda: list(types) >> ops.Filter(f), note=note)


FUNCTION_CASES = [
    lambda_op("hour of a time", "timestamp<ms>", T, "x => new Date(x).getUTCHours()", lambda c: c.dt.hour, "int64", DATETIMES),
    lambda_op("hour of a time with nulls", "timestamp<ms>", T_NULLS, "x => new Date(x).getUTCHours()", lambda c: c.dt.hour, "float64", DATETIMES),
    lambda_op("weekday of a time, from Monday", "timestamp<s>", [v // 1000 for v in T], "x => (new Date(x * 1000).getUTCDay() + 6) % 7", lambda c: c.dt.weekday, "int64", DATETIMES),
    lambda_op("day of the month", "timestamp<us>", [v * 1000 for v in T], "x => new Date(x / 1000).getUTCDate()", lambda c: c.dt.day, "int64", DATETIMES),
    lambda_op("month of a time", "timestamp<ms>", T, "x => new Date(x).getUTCMonth() + 1", lambda c: c.dt.month, "int64", DATETIMES),
    lambda_op("year of a time in nanoseconds", "timestamp<ns>", T_NS, "x => new Date(Math.floor(x / 1e6)).getUTCFullYear()", lambda c: c.dt.year, "int64", DATETIMES),
    lambda_op("days since a day", "timestamp<ms>", T, "x => Math.floor((x - 1704067200000) / 86400000)", lambda c: (c - pd.Timestamp("2024-01-01")).dt.days, "int64", DATETIMES),
    lambda_op("arithmetic", "float64", PRICES, "x => Math.floor(x / 7)", lambda c: np.floor(c / 7)),
    lambda_op("arithmetic with nulls", "float64", [1.5, N, -3.0], "x => x * 2 - 1", lambda c: c * 2 - 1),
    lambda_op("logarithm", "float64", PRICES, "x => Math.log1p(x)", lambda c: np.log1p(c)),
    lambda_op("integers", "int64", INTS, "x => x % 7", lambda c: c % 7, "int64"),
    lambda_op("a condition as a number", "int64", INTS, "x => x > 20 ? 1 : 0", lambda c: (c > 20).astype("int64"), "int64"),
    lambda_op("parts of texts", "string", ["ab-1", "c-22", "", "é-é"], "x => x.split('-')[0].toUpperCase()", lambda c: c.str.split("-").str[0].str.upper()),
    lambda_op("length of texts", "string", ["ab-1", "", "é"], "x => x.length", lambda c: c.str.len(), "int64"),
    filter_rows("times from a moment on", {"t": "timestamp<ms>", "x": "int64"}, {"t": T, "x": list(range(7))}, "row => row.t > 1711929600000", lambda df: df[df["t"] > pd.Timestamp("2024-04-01")], DATETIMES),
    filter_rows("times with nulls", {"t": "timestamp<ms>", "x": "int64"}, {"t": T_NULLS, "x": list(range(5))}, "row => row.t >= 1709247600000", lambda df: df[df["t"] >= pd.Timestamp("2024-02-29 23:00:00")], DATETIMES),
    filter_rows("numbers", {"x": "float64", "y": "int64"}, {"x": PRICES, "y": list(range(8))}, "(x, y) => x < 50 && y !== 3", lambda df: df[(df["x"] < 50) & (df["y"] != 3)]),
    filter_rows("texts and nulls", {"s": "string", "x": "float64"}, {"s": ["a", "b", N, "a"], "x": [1.0, N, 3.0, N]}, "row => row.s === 'a' || row.x > 2", lambda df: df[(df["s"] == "a") | (df["x"] > 2)]),
]
