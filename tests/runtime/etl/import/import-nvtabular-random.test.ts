/**
 * Random workflows that NVTabular 23.08 fitted and ran (`tests/oracles/nvtabular-import/random_cases.py`), imported. Every value, dtype and
 * column is NVTabular's, or the parity page has an entry for it. Which entry excuses which case is written down, and held to.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { importNvtabular } from "#cli/import-nvtabular.js";
import { transformWorkflow } from "#runtime/etl/transform.js";
import { verifyWorkflow } from "#runtime/etl/verify.js";
import { inFolder } from "../run-workflow.js";
import { type Cell, type Cells, readParquet, writeParquet } from "../table-values.js";
import { schemaOf } from "../workflow-plan.js";

interface Case {
  readonly seed: number;
  /** Python. A branch renames its columns with a postfix of its own. */
  readonly program: string;
  readonly exported: { readonly graph: string; readonly files: Readonly<Record<string, string>> };
  readonly types: Readonly<Record<string, string>>;
  /** One table a file, each a partition to NVTabular. */
  readonly rows: readonly Cells[];
  readonly dtypes: Readonly<Record<string, string>>;
  readonly expected: Cells;
}

const CASES = gunzipSync(readFileSync(new URL("../../../fixtures/nvtabular-import/random.jsonl.gz", import.meta.url)))
  .toString()
  .trim()
  .split("\n")
  .map(line => JSON.parse(line) as Case);

/** Entries of the parity page, by the name that cases are excused under. */
const ENTRIES = {
  hash: ["hashBucket", "a bucket depends on"],
  folds: ["targetEncoding", "statistics"],
  groups: ["groupby", "a group's rows"],
  lags: ["differenceLag", "rows of several files"],
  order: ["groupby", "order of groups"],
  infinite: ["normalizeMinMax", "an infinite value in the fit"],
  vocabularies: ["categorify", "two `categorify` of one column"],
} as const satisfies Readonly<Record<string, readonly [operator: string, difference: string]>>;
type Excuse = keyof typeof ENTRIES;

/** Cases without any excuse. */
const EQUAL = 55;

/** Refusals of the import. */
const REFUSALS: Partial<Record<Excuse, string>> = {
  infinite: "had an infinite value when the workflow was fitted",
  vocabularies: "another Categorify of the same column, with other buckets, wrote over it",
};

const EXCUSED: Readonly<Record<number, readonly Excuse[]>> = JSON.parse(
  readFileSync(new URL("../../../fixtures/nvtabular-import/random-excused.json", import.meta.url), "utf8"),
);

test("there are a hundred, and the parity page has every entry that excuses one", () => {
  expect(CASES).toHaveLength(100);
  const page = readFileSync(new URL("../../../../docs/reference/nvtabular-parity.md", import.meta.url), "utf8");
  for (const [operator, difference] of Object.values(ENTRIES))
    expect(page).toContain(`| \`${operator}\` | ${difference} |`);
  expect(new Set(Object.values(EXCUSED).flat())).toEqual(new Set(Object.keys(ENTRIES)));
  const equal = CASES.filter(one => EXCUSED[one.seed] === undefined);
  expect(equal.length).toBe(EQUAL);
});

/** The first three cases of each excuse, and one in three of the others; all by NVTABULAR_CASES=all. */
const RUN = CASES.filter(({ seed }, i) => {
  const like = (other: Case) => String(EXCUSED[other.seed]) === String(EXCUSED[seed]);
  const earlier = CASES.slice(0, i).filter(like).length;
  return process.env.NVTABULAR_CASES === "all" || earlier % 3 === 0 || (EXCUSED[seed] !== undefined && earlier < 3);
});

describe("a workflow drawn at random", () => {
  test.each(RUN)("$seed: $program", async one => {
    const excuses = await inFolder(folder => compare(folder, one));
    expect([...excuses].toSorted()).toEqual(EXCUSED[one.seed] ?? []);
  });
});

/** @returns what the case had to be excused with */
async function compare(folder: string, one: Case): Promise<ReadonlySet<Excuse>> {
  const excuses = new Set<Excuse>();
  writeExported(folder, one);
  const etl = join(folder, "etl");
  try {
    const { compiled } = await importNvtabular(join(folder, "exported"), { out: etl });
    expect(compiled.ok, JSON.stringify(compiled.diagnostics)).toBe(true);
  } catch (error) {
    const refusal = (Object.keys(REFUSALS) as Excuse[]).find(name => String(error).includes(REFUSALS[name]!));
    if (!refusal) throw error;
    return excuses.add(refusal);
  }
  const files = await Promise.all(
    one.rows.map(async (cells, i) => {
      const file = join(folder, `rows-${i}.parquet`);
      await writeParquet(file, schemaOf(one.types), cells);
      return file;
    }),
  );
  const { cells, types } = await transformed(folder, one, files, excuses);
  expect(Object.keys(cells)).toEqual(Object.keys(one.expected));
  for (const [name, wanted] of Object.entries(one.expected)) {
    expectType(types[name]!, one.dtypes[name]!, wanted, name);
    expect(cells[name], name).toHaveLength(wanted.length);
    const tolerance = toleranceOf(wanted);
    const different = wanted.map((_, i) => i).filter(i => !isSame(cells[name]![i]!, wanted[i]!, tolerance));
    if (different.length > 0) excuses.add(excuseOf(one, name, cells[name]!, different));
  }
  // The same rows the way a server answers them.
  const verified = await verifyWorkflow(etl, { against: files });
  expect(verified.difference).toBeUndefined();
  return excuses;
}

function writeExported(folder: string, { exported }: Case): void {
  const write = (path: string, bytes: string | Uint8Array) => {
    mkdirSync(dirname(join(folder, "exported", path)), { recursive: true });
    writeFileSync(join(folder, "exported", path), bytes);
  };
  write("graph.json", exported.graph);
  for (const [path, hex] of Object.entries(exported.files)) write(path, Buffer.from(hex, "hex"));
}

type Table = Awaited<ReturnType<typeof readParquet>>;

/** All files at once; of a plan that looks at other rows, each by itself where NVTabular took each by itself. */
async function transformed(folder: string, one: Case, files: readonly string[], excuses: Set<Excuse>): Promise<Table> {
  const run = async (data: readonly string[], name: string): Promise<Table> => {
    await transformWorkflow(join(folder, "etl"), data, join(folder, name));
    return readParquet(join(folder, name));
  };
  const keys = /groupby_cols=(.*?), sort_cols/.exec(one.program)?.[1]?.match(/\w+/g);
  const isLagged = one.program.includes("DifferenceLag");
  if (!keys && (!isLagged || files.length === 1)) return run(files, "out.parquet");
  const whole = await run(files, "whole.parquet");
  const parts: Table[] = [];
  for (const [i, file] of files.entries()) parts.push(await run([file], `out-${i}.parquet`));
  const sorted = keys ? parts.map(part => ({ ...part, cells: sortRows(part.cells, keys) })) : parts;
  const joined = together(sorted);
  const isOther = (a: Cells, b: Cells) => JSON.stringify(a) !== JSON.stringify(b);
  if (isOther(whole.cells, together(parts).cells)) excuses.add(keys ? "groups" : "lags");
  if (keys && isOther(joined.cells, together(parts).cells)) excuses.add("order");
  return joined;
}

function together(parts: readonly Table[]): Table {
  const [first] = parts;
  const names = Object.keys(first!.cells);
  return { ...first!, cells: Object.fromEntries(names.map(name => [name, parts.flatMap(part => part.cells[name]!)])) };
}

function sortRows(cells: Record<string, Cell[]>, by: readonly string[]): Record<string, Cell[]> {
  const order = cells[by[0]!]!.map((_, i) => i).sort((a, b) => {
    for (const name of by) {
      const [x, y] = [cells[name]![a]!, cells[name]![b]!];
      if (x !== y) return x! < y! ? -1 : 1;
    }
    return 0;
  });
  return Object.fromEntries(Object.entries(cells).map(([name, column]) => [name, order.map(i => column[i]!)]));
}

const DUCKDB: Readonly<Record<string, string>> = {
  bool: "BOOLEAN",
  int8: "TINYINT",
  int16: "SMALLINT",
  int32: "INTEGER",
  int64: "BIGINT",
  float32: "FLOAT",
  float64: "DOUBLE",
};

function expectType(found: string, dtype: string, wanted: readonly Cell[], name: string): void {
  if (dtype === "object") return;
  // pandas has no integers with nulls, and returns int64 for first and last in a group.
  const isJoined = found === "BIGINT" && wanted.includes(null);
  if ((dtype === "float64" && isJoined) || (dtype === "int64" && /[_-](first|last)$/.test(name))) return;
  expect(found, name).toBe(DUCKDB[dtype]);
}

/**
 * How far apart floats of a column may be: a millionth of its largest. Sums are added up in another order, and logarithms of float32 differ in
 * their last bit. Integers are equal.
 */
function toleranceOf(column: readonly Cell[]): number {
  const finite = column.flat().filter(value => typeof value === "number");
  return finite.every(Number.isInteger) ? 0 : 1e-6 * Math.max(...finite.map(Math.abs));
}

function isSame(found: Cell, wanted: Cell, tolerance: number): boolean {
  if (Array.isArray(found) && Array.isArray(wanted))
    return (
      found.length === wanted.length && found.every((item, i) => isSame(item as Cell, wanted[i] as Cell, tolerance))
    );
  if (typeof found === "number" && typeof wanted === "number") return Math.abs(found - wanted) <= tolerance;
  return found === wanted;
}

/** The entry of a column's differences, by the branch that made it; its tolerance is checked. */
function excuseOf(one: Case, name: string, found: readonly Cell[], different: readonly number[]): Excuse {
  const branch = one.program.split(/\) \+ \(/).find(part => part.includes(`postfix="${/_\d+$/.exec(name)?.[0]}"`));
  const buckets = Number(/Hash(?:Bucket|edCross)\((\d+)\)/.exec(branch ?? "")?.[1]);
  if (buckets > 0) {
    for (const id of found) expect(Number(id) >= 0 && Number(id) < buckets, `${name}: ${id}`).toBe(true);
    return "hash";
  }
  if (branch?.includes("kfold=3")) return "folds";
  const i = different[0]!;
  throw new Error(
    `${name}, row ${i}: ${JSON.stringify(found[i])}, NVTabular: ${JSON.stringify(one.expected[name]![i])}. No entry of the parity page says so.`,
  );
}
