"""Writes what numpy makes of expressions over int64 → tests/fixtures/numpy/integers.json.

Run: python integers.py, with the numpy of requirements.txt. Integers are decimal text, floats Python's shortest repr. A division by zero is left out: numpy
answers 0 there, and Merlon null.
"""
import json
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parents[2] / "fixtures" / "numpy" / "integers.json"
INT64 = np.iinfo(np.int64)
IDS = [1234567890123456789, 1234567890123456789 + 30]
EDGES = [
    *[2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1],
    *[0, 1, -1, 3, -7, 3037000500, 2**62],
    *IDS,
    INT64.max,
    INT64.min,
]
PAIRS = [(x, y) for x in EDGES for y in EDGES]
a = np.array([x for x, _ in PAIRS], np.int64)
b = np.array([y for _, y in PAIRS], np.int64)
there = b != 0
c = b.astype(np.int32)
f = np.where(a % 2 == 0, 2.5, -0.75)

# The function as a user of Merlon writes it, its dtype, numpy's result, and rows that count.
CASES = [
    ("a + b", "int64", a + b),
    ("a - b", "int64", a - b),
    ("a * b", "int64", a * b),
    ("a * 3 + 1", "int64", a * 3 + 1),
    ("-a", "int64", -a),
    ("Math.abs(a)", "int64", np.abs(a)),
    ("Math.min(a, b)", "int64", np.minimum(a, b)),
    ("Math.max(a, b, 0)", "int64", np.maximum(np.maximum(a, b), 0)),
    ("a % b", "int64", np.fmod(a, b, where=there, out=np.zeros_like(a)), there),
    ("Math.floor(a / b)", "int64", np.floor_divide(a, b, where=there, out=np.zeros_like(a)), there),
    ("Math.floor(a / 1000)", "int64", a // 1000),
    ("a / b", "float64", np.true_divide(a, b, where=there, out=np.zeros(len(a))), there),
    ("a < b", "bool", a < b),
    ("a <= b", "bool", a <= b),
    ("a === b", "bool", a == b),
    ("a !== b", "bool", a != b),
    ("a === 1234567890123456789n", "bool", a == IDS[0]),
    ("a > 9007199254740992", "bool", a > 2**53),
    ("[1234567890123456789n, 3].includes(a)", "bool", np.isin(a, np.array([IDS[0], 3], np.int64))),
    ("a < b ? a : b + 1", "int64", np.where(a < b, a, b + 1)),
    ("c * c", "int64", c.astype(np.int64) * c),
    ("a + c", "int64", a + c),
    ("a + f", "float64", a + f),
    ("a * 0.5", "float64", a * 0.5),
    ("a > f", "bool", a > f),
    ("Math.sqrt(Math.abs(c))", "float64", np.sqrt(np.abs(c.astype(np.int64)))),
    ("a", "float64", a.astype(np.float64)),
    ("a", "float32", a.astype(np.float64).astype(np.float32)),
    ("String(a)", "string", a.astype(str)),
]


def cell(value):
    if isinstance(value, (np.bool_, bool)):
        return bool(value)
    return repr(float(value)) if isinstance(value, np.floating) else str(value)


def main():
    cases = [
        {"text": text, "dtype": dtype, "expected": [cell(x) if ok else None for x, ok in zip(made, rows[0] if rows else [True] * len(a))]}
        for text, dtype, made, *rows in CASES
    ]
    given = {name: [cell(x) for x in column] for name, column in {"a": a, "b": b, "c": c, "f": f}.items()}
    lines = ",\n    ".join(json.dumps(case, separators=(",", ":")) for case in cases)
    columns = ",\n    ".join(f"{json.dumps(name)}: {json.dumps(column, separators=(',', ':'))}" for name, column in given.items())
    OUT.write_text(f'{{\n  "numpy": "{np.__version__}",\n  "columns": {{\n    {columns}\n  }},\n  "cases": [\n    {lines}\n  ]\n}}\n')


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main()
