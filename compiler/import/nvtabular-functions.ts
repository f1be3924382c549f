/**
 * Functions of LambdaOp and Filter, as tools/nvtabular_functions.py noted them → functions of Merlon's. The text of a program is printed of the
 * expression alone: nothing of a saved workflow is taken as source.
 */
import { z } from "zod";
import { ImportError, kindOf, type NvtNode } from "./nvtabular-graph.js";

const functions = z.array(z.strictObject({ name: z.string(), dtype: z.string(), expression: z.unknown() })).min(1);

/** One `lambdaOp` a column. */
export function lambdaCalls(node: NvtNode): readonly string[] {
  const found = functions.safeParse(node.op_params.functions);
  if (!found.success) throw notTranslated(node);
  return found.data.map(({ name, dtype, expression }) => {
    const options = { name, ...(!UNSAID.has(dtype) && { dtype }) };
    return `lambdaOp(${printed(node, expression)}, ${JSON.stringify(options)})`;
  });
}

/** Dtypes that a function has by itself. */
const UNSAID: ReadonlySet<string> = new Set(["float64", "bool", "string"]);

export function filterCall(node: NvtNode): string {
  if (node.op_params.condition === undefined) throw notTranslated(node);
  return `filter(${printed(node, node.op_params.condition)})`;
}

const notTranslated = (node: NvtNode): ImportError =>
  new ImportError(
    `node ${node.id} (${kindOf(node)}) holds a Python function, which is not imported. Export the workflow with tools/export_nvtabular.py of this release, or write it as \`lambdaOp\` or \`filter\`, and fit.`,
  );

/** The export's warnings. */
export const notesOf = (node: NvtNode): readonly string[] => {
  const found = z.array(z.string().max(1000)).max(100).safeParse(node.op_params.notes);
  return found.success ? found.data.map(note => note.replace(/\p{Cc}/gu, " ")) : [];
};

/** Deeper expressions are refused: printing them would overflow the stack. */
const MOST_LEVELS = 200;
const MOST_LENGTH = 100_000;

/** An arrow function that takes its columns out of the row. */
function printed(node: NvtNode, expression: unknown): string {
  const columns = new Map<string, string>();
  const body = print({ node, columns }, expression, MOST_LEVELS);
  const taken = [...columns].map(([name, local]) => (name === local ? name : `${JSON.stringify(name)}: ${local}`));
  return `({ ${taken.join(", ")} }) => ${body.startsWith("(") && closesAtEnd(body) ? body.slice(1, -1) : body}`;
}

interface Printing {
  readonly node: NvtNode;
  /** Column → the name it has inside. */
  readonly columns: Map<string, string>;
}

function localOf({ columns }: Printing, column: string): string {
  const isName = /^[a-z]\w*$/.test(column) && !RESERVED.has(column);
  // No column that keeps its name is called `$0`.
  const local = columns.get(column) ?? (isName ? column : `$${columns.size}`);
  columns.set(column, local);
  return local;
}

const RESERVED: ReadonlySet<string> = new Set(
  (
    "arguments as async await break case catch class const continue debugger default delete do else enum eval export " +
    "extends false finally for from function get if implements import in instanceof interface isFinite isNaN let new null " +
    "of package private protected public return set static super switch this throw true try type typeof undefined var " +
    "void while with yield"
  ).split(" "),
);

/** True where the first parenthesis ends at the last character. Parentheses within texts may make it false, which only keeps the outer ones. */
function closesAtEnd(text: string): boolean {
  if (/["'`]/.test(text)) return false;
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "(") open++;
    if (text[i] === ")" && --open === 0) return i === text.length - 1;
  }
  return false;
}

function print(printing: Printing, expression: unknown, levels: number): string {
  const { node } = printing;
  const refuse = (what: string): never => {
    throw new ImportError(`node ${node.id} (${kindOf(node)}) holds a function that cannot be imported: ${what}.`);
  };
  if (levels === 0) return refuse(`it is over ${MOST_LEVELS} levels deep`);
  const leaf = leafOf.safeParse(expression).data;
  if (leaf) return "column" in leaf ? localOf(printing, leaf.column) : constant(leaf.value);
  const [name, ...args] = Array.isArray(expression) ? (expression as readonly unknown[]) : [];
  const form = typeof name === "string" && Object.hasOwn(FORMS, name) ? FORMS[name] : undefined;
  if (!form) return refuse(`\`${String(JSON.stringify(name)).slice(0, 50)}\` is not known`);
  if (!form.arity.includes(args.length)) return refuse(`\`${name as string}\` has ${args.length} arguments`);
  const text = form.print(...args.map(arg => print(printing, arg, levels - 1)));
  // Some forms print an argument several times.
  return text.length > MOST_LENGTH ? refuse(`it is over ${MOST_LENGTH} characters long`) : text;
}

const leafOf = z.union([
  z.strictObject({ column: z.string() }),
  z.strictObject({ value: z.union([z.number(), z.string(), z.boolean()]) }),
]);

const constant = (value: number | string | boolean): string =>
  typeof value === "number" && value < 0 ? `(${value})` : JSON.stringify(value);

interface Form {
  readonly arity: readonly number[];
  readonly print: (...args: readonly string[]) => string;
}

const infix = (sign: string): Form => ({ arity: [2], print: (a, b) => `(${a} ${sign} ${b})` });
const math = (name: string, ...arity: readonly number[]): Form => ({
  arity: arity.length > 0 ? arity : [1],
  print: (...args) => `Math.${name}(${args.join(", ")})`,
});
const method = (name: string, ...arity: readonly number[]): Form => ({
  arity,
  print: (text, ...args) => `${text}.${name}(${args.join(", ")})`,
});
const part = (name: string): Form => ({ arity: [1], print: time => `new Date(${time}).${name}()` });

const FORMS: Readonly<Record<string, Form>> = {
  add: infix("+"),
  sub: infix("-"),
  mul: infix("*"),
  div: infix("/"),
  pow: infix("**"),
  floordiv: { arity: [2], print: (a, b) => `Math.floor(${a} / ${b})` },
  // Python's remainder has the sign of the divisor.
  mod: { arity: [2], print: (a, b) => `(((${a} % ${b}) + ${b}) % ${b})` },
  neg: { arity: [1], print: a => `(-${a})` },
  lt: infix("<"),
  le: infix("<="),
  gt: infix(">"),
  ge: infix(">="),
  eq: infix("==="),
  ne: infix("!=="),
  and: infix("&&"),
  or: infix("||"),
  not: { arity: [1], print: a => `(!${a})` },
  cond: { arity: [3], print: (a, b, c) => `(${a} ? ${b} : ${c})` },
  coalesce: infix("??"),
  missing: { arity: [1], print: a => `(${a} == null)` },
  text: { arity: [1], print: a => `String(${a})` },
  concat: method("concat", 2),
  length: { arity: [1], print: a => `${a}.length` },
  letter: { arity: [2], print: (a, i) => `${a}[${i}]` },
  lower: method("toLowerCase", 1),
  upper: method("toUpperCase", 1),
  trim: method("trim", 1),
  trimStart: method("trimStart", 1),
  trimEnd: method("trimEnd", 1),
  slice: method("slice", 2, 3),
  startsWith: method("startsWith", 2),
  endsWith: method("endsWith", 2),
  includes: method("includes", 2),
  replaceAll: method("replaceAll", 3),
  year: part("getUTCFullYear"),
  month: part("getUTCMonth"),
  dayOfMonth: part("getUTCDate"),
  dayOfWeek: part("getUTCDay"),
  hours: part("getUTCHours"),
  minutes: part("getUTCMinutes"),
  seconds: part("getUTCSeconds"),
  min: math("min", 2),
  max: math("max", 2),
  atan2: math("atan2", 2),
  hypot: math("hypot", 2),
  ...Object.fromEntries(
    ["abs", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "expm1", "log", "log1p"]
      .concat(["log2", "log10", "sqrt", "cbrt", "floor", "ceil", "trunc", "sign", "fround"])
      .map(name => [name, math(name)] as const),
  ),
};
