/** Expressions as Spark's workers run them, in one Python process. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Expression } from "#contract/expression.js";
import type { DType } from "#triton-protos/datatype.js";
import type { Cell } from "../../etl/table-values.js";
import { schemaOf } from "../../etl/workflow-plan.js";

export interface Case {
  readonly expression: Expression;
  readonly types: Readonly<Record<string, string>>;
  readonly cells: Readonly<Record<string, readonly Cell[]>>;
  readonly dtype: DType;
  readonly what: string;
}

const RUNNER = `
import json, math, sys
sys.path.insert(0, sys.argv[1])
from merlon_expressions import expression_rows
sys.setrecursionlimit(10000)
cell = lambda x: [cell(i) for i in x] if isinstance(x, list) else {"inf": math.inf, "-inf": -math.inf}.get(x, x)
text = lambda x: str(x) if type(x) is int and abs(x) >= 2**53 else x if type(x) is not float or math.isfinite(x) else "inf" if x > 0 else "-inf"
out = []
for case in json.load(sys.stdin):
    run = expression_rows(case["expression"], case["columns"], case["dtype"])
    out.append([text(x) for x in run(*[[cell(x) for x in column] for column in case["cells"]])])
json.dump(out, sys.stdout)
`;

/** @param interpreter with numpy */
export function throughPython(cases: readonly Case[], interpreter: string): readonly (readonly Cell[])[] {
  const given = cases.map(({ expression, types, cells: rows, dtype }) => ({
    expression,
    columns: schemaOf(types).map(({ name, list, dtype }) => [name, list !== undefined, dtype === "int64"]),
    dtype,
    cells: Object.keys(types).map(name => rows[name]),
  }));
  const tools = fileURLToPath(new URL("../../../../tools/", import.meta.url));
  const answer = execFileSync(interpreter, ["-c", RUNNER, tools], { input: JSON.stringify(given), maxBuffer: 2 ** 28 });
  return JSON.parse(answer.toString()) as Cell[][];
}
