"""Cases of dates and timestamps: a datetime64 or a date in NVTabular, an int64 that counts since 1970 in Merlon."""
import pandas as pd
from nvtabular import ops

from cases import N, bucketize, case, categorify, clip, dropna, fill, groupby, groups, join_groupby, pandas_cross, pandas_hash, target
from function_cases import DATETIMES, T, T_NS, T_NULLS

DAYS = [19844, -1, 19844, 19782, N, 0]
KEYS = [1, 2, 1, 1, 2, 2, 2]
FLOATS = [float(v) for v in range(7)]


def external(name, t, ext, how="left"):
    """Rows of a file by their time."""
    params = {"path": "ext.parquet", "on": "t", "how": how, "columns": {"y": "float64"}}
    y = [float(i) for i in range(len(ext))]
    frame = lambda: pd.DataFrame({"t": pd.to_datetime(pd.Series(ext), unit="ms"), "y": y})
    files = {"ext.parquet": {"types": {"t": "int64", "y": "float64"}, "cells": {"t": ext, "y": y}}}
    graph = lambda: ["t"] >> ops.JoinExternal(frame(), "t", how=how)
    return case(f"joinExternal/{name}", {"t": "timestamp<ms>"}, [{"op": "joinExternal", "params": params}], {"t": t}, None, graph, note=DATETIMES, files=files)


def lag(name, unit, ticks, t, keys, shift=1):
    """NVTabular has no difference of datetimes: they have to be made numbers first. It takes the key's difference, too."""
    link = {"op": "differenceLag", "params": {"shift": shift}, "columns": ["t", "k"], "ports": {"partition": ["k"]}}
    return case(f"differenceLag/{name}", {"t": f"timestamp<{unit}>", "k": "int64"}, [link], {"t": t, "k": keys}, None, lambda: ["t"] >> ops.LambdaOp(lambda c: c.astype("int64") // ticks) >> ops.DifferenceLag("k", shift))


TIME_CASES = [
    categorify("times", "timestamp<ms>", T, [T[0], 5, N, T[1]]),
    categorify("times with nulls", "timestamp<ms>", T_NULLS),
    categorify("times, freqThreshold 2", "timestamp<s>", [v // 1000 for v in T], params={"freqThreshold": 2}, freq_threshold=2),
    categorify("times, maxSize 4", "timestamp<us>", [v * 1000 for v in T], params={"maxSize": 4}, max_size=4),
    categorify("times in nanoseconds", "timestamp<ns>", [v // 1000 * 1000 for v in T_NS]),
    categorify("dates", "timestamp<d>", DAYS),
    groups("combo of a day and a word", {"d": "timestamp<ms>", "w": "string"}, {"d": [v // 86_400_000 * 86_400_000 for v in T], "w": list("abaabba")}, [["d", "w"]], params={"encodeType": "combo"}, encode_type="combo"),
    dropna("times", {"t": "timestamp<ms>", "x": "float64"}, {"t": T_NULLS, "x": [1.0, 2.0, N, 4.0, 5.0]}, note=DATETIMES),
    fill("times", "timestamp<ms>", T_NULLS, 1577836800000, note=DATETIMES, original=pd.Timestamp("2020-01-01")),
    bucketize("times in nanoseconds", "timestamp<ns>", T_NS, [-5, 0, 1714566896789123200], note=DATETIMES),
    pandas_hash("times in nanoseconds", "timestamp<ns>", T_NS, 1000),
    pandas_cross("a time and a word", {"t": "timestamp<ns>", "w": "string"}, {"t": T_NS, "w": list("abcabc")}, 1000),
    external("by a time", T, [1714567200000, 5, -1500]),
    external("by a time, inner", T, [1714567200000, 5, -1500], how="inner"),
    join_groupby("by a time", {"t": "timestamp<ms>"}, {"t": T}, FLOATS, ["count", "sum", "mean"]),
    target("by a time", {"t": "timestamp<ms>"}, {"t": T}, [0, 1, 0, 1, 1, 1, 0]),
    lag("times in milliseconds", "ms", 1_000_000, T, KEYS),
    lag("times in seconds, both ways", "s", 1_000_000_000, [v // 1000 for v in T], KEYS, shift=[1, -1]),
    groupby("in the order of times", {"k": "int64", "t": "timestamp<ms>", "x": "float64"}, {"k": KEYS, "t": T, "x": FLOATS}, ["k"], {"x": ["list", "sum"]}, sort=["t"]),
    groupby("in the order of times, backwards", {"k": "int64", "t": "timestamp<ns>", "x": "float64"}, {"k": [1, 1, 1, 2, 2, 2], "t": T_NS, "x": FLOATS[:6]}, ["k"], {"x": ["list", "first", "last"]}, sort=["t"], ascending=False),
    groupby("of times", {"k": "int64", "t": "timestamp<ms>"}, {"k": KEYS, "t": T}, ["k"], {"t": ["first", "last", "min", "max", "count", "nunique", "list"]}, sort=["t"], note=DATETIMES),
    groupby("by a time", {"t": "timestamp<ms>", "x": "float64"}, {"t": T, "x": FLOATS}, ["t"], {"x": ["count", "max"]}, note=DATETIMES),
    clip("times", "timestamp<ms>", T, low=1704067200000, note=DATETIMES, original=pd.Timestamp("2024-01-01")),
]

TIMES_DIFFERENT = [lag("of nanoseconds, which float64 cannot tell apart", "ns", 1, T_NS, [1, 1, 1, 2, 2, 2])]
