/** `tools/nvtabular_functions.py`: which functions of pandas become which expressions, and why others do not. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { python } from "../needs/python.js";

const TOOLS = fileURLToPath(new URL("../../tools", import.meta.url));

/** Traces `lambda c, rows: …` of columns by dtype; the expression, or the reason against it. */
const SCRIPT = `
import json, random, sys
sys.path.insert(0, ${JSON.stringify(TOOLS)})
import numpy as np
import pandas as pd
import nvtabular_functions as nf

class Op:
    _param_count = 2
    def __init__(self, f):
        self.f = f

def traced(text, data):
    frame = pd.DataFrame(data) if data else nf.made_up({"n": "int64", "x": "float64", "f": "float32", "s": "object", "t": "datetime64[ns]", "b": "bool", "v": "int64"})
    column, body = text.split("|", 1)
    try:
        functions, dtypes, notes = nf.columns_of(Op(eval("lambda c, rows: " + body)), [column], frame, bool(data))
        return {"expression": functions[0]["expression"], "dtype": functions[0]["dtype"], "notes": notes}
    except nf.Untranslatable as error:
        return {"reason": str(error)}

print(json.dumps([traced(text, data) for text, data in json.load(sys.stdin)]))
`;

interface Traced {
  readonly expression?: unknown;
  readonly dtype?: string;
  readonly notes?: readonly string[];
  readonly reason?: string;
}

const trace = (cases: readonly (readonly [text: string, data: object | null])[]): readonly Traced[] =>
  JSON.parse(
    execFileSync(python(), ["-c", SCRIPT], { input: JSON.stringify(cases), encoding: "utf8" }),
  ) as readonly Traced[];

test("functions are expressions, with the dtype that pandas gives", () => {
  const cases: Readonly<Record<string, readonly [expression: unknown, dtype: string]>> = {
    "n|c + 1": [["add", { column: "n" }, { value: 1 }], "int64"],
    "n|2 - c": [["sub", { value: 2 }, { column: "n" }], "int64"],
    "n|c / 2": [["div", { column: "n" }, { value: 2 }], "float64"],
    // A float32 is rounded after each step but the last, which its dtype rounds.
    "f|(c + 1) / 3": [["div", ["fround", ["add", { column: "f" }, { value: 1 }]], { value: 3 }], "float32"],
    "f|np.float32(2) * c": [["mul", { value: 2 }, { column: "f" }], "float32"],
    "x|c * (c > 0)": [
      ["mul", { column: "x" }, ["cond", ["gt", { column: "x" }, { value: 0 }], { value: 1 }, { value: 0 }]],
      "float64",
    ],
    "x|~(c.isna() | rows['b'])": [["not", ["or", ["missing", { column: "x" }], { column: "b" }]], "bool"],
    "x|np.where(c == 4, rows.n, 1)": [
      ["cond", ["eq", { column: "x" }, { value: 4 }], { column: "n" }, { value: 1 }],
      "int64",
    ],
    "s|c.str.lower().str[1:3]": [["slice", ["lower", { column: "s" }], { value: 1 }, { value: 3 }], "string"],
    "n|pd.to_datetime(c, unit='s')": [["mul", { column: "n" }, { value: 1_000_000_000 }], "int64"],
    "t|(c - pd.Timestamp('2024-01-01')).dt.days": [
      ["floor", ["div", ["sub", { column: "t" }, { value: 1_704_067_200_000_000_000 }], { value: 86_400_000_000_000 }]],
      "int64",
    ],
    "n|sum(c * i for i in range(1, 3))": [
      ["add", ["add", { value: 0 }, ["mul", { column: "n" }, { value: 1 }]], ["mul", { column: "n" }, { value: 2 }]],
      "int64",
    ],
  };
  const found = trace(Object.keys(cases).map(text => [text, null] as const));
  for (const [i, [text, [expression, dtype]]] of Object.entries(cases).entries())
    expect({ text, ...found[i] }).toMatchObject({ text, expression, dtype: expect.stringMatching(dtype) });
});

test("what cannot be one expression of a row is refused, with the reason", () => {
  const cases: Readonly<Record<string, string>> = {
    "n|c if c else 0": "decides by a whole column",
    "n|c + len(c)": "reads the number of rows",
    "n|[v for v in c]": "goes through the rows one by one",
    "n|c.cumsum()": "calls `.cumsum` of a column",
    "n|c.rolling(3).mean()": "calls `.rolling` of a column",
    "n|np.cumsum(c)": "calls numpy.cumsum",
    "n|np.round(c)": "calls numpy.round",
    "n|np.gcd(c, 2)": "calls numpy.gcd",
    "n|c + random.random()": "does something else each time it is called",
    "n|c - c.min()": "reads a whole column (`.min()`); give `--data`",
    "n|rows['gone'] + c": "reads the column 'gone', which its node does not have",
    "n|rows.groupby('v').n.sum()": "calls `.groupby` of the rows",
    "n|5": "makes a constant, or something else than a column",
    "n|pd.Series([1, 2])": "makes a constant, or something else than a column",
    "n|c // 0": "divides by 0",
    "x|c.astype(str)": "makes object of float64",
    "s|c.str.contains('a.b')": "with a regular expression",
    "s|c.str.title()": "calls `.str.title` of a column",
    "s|c < 'm'": "compares texts by their order",
    "s|c - 1": "cannot be read: TypeError",
    "n|c.dt.hour": "calls `.dt.hour` of int64",
    "t|c.dt.tz_localize('UTC')": "calls `.dt.tz_localize` of a column",
    "n|c * float('nan')": "uses the constant nan",
    "n|[c := c * c for _ in range(20)][-1]": "is too long",
  };
  const found = trace(Object.keys(cases).map(text => [text, null] as const));
  for (const [i, [text, reason]] of Object.entries(cases).entries())
    expect({ text, ...found[i] }).toEqual({ text, reason: expect.stringContaining(reason) });
});

test("a whole column is read of the data, and noted", () => {
  const [found] = trace([["n|c - c.min()", { n: [7, 5, 9] }]]);
  expect(found).toEqual({
    expression: ["sub", { column: "n" }, { value: 5 }],
    dtype: "int64",
    notes: ["`.min()` is 5, as of the data given; NVTabular takes it of each partition and request"],
  });
});
