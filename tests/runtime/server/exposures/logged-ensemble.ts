/** An ensemble with two sources, a draw and a log, built without any artefact. */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { build, compile, printDiagnostics } from "#compiler/index.js";

/** Score of an item: its id modulo 7, divided by 10. */
export const scoreOf = (item: number): number => Math.fround(((item % 7) + 1) / 10);
export const TEMPERATURE = 2;

export interface LoggedOptions {
  readonly name?: string;
  /** The ordering's call. */
  readonly ordering?: string;
  /** The value of `log`. */
  readonly log?: string;
  readonly options?: string;
  readonly width?: number;
}

export const LOG = `{
    columns: [request[["user_id", "country"]], pairs["tenfold"], nearest["candidate_ids"] >> rename({ name: "nearest_id" }), request["ids"]],
    candidates: { all: 1 },
  }`;

/** @returns a repository with the model */
export async function loggedRepository(given: LoggedOptions = {}): Promise<string> {
  const { name = "logged", width = 6, log = LOG, options = "" } = given;
  const { ordering = `softmaxSampling(score, { topk: 3, temperature: ${TEMPERATURE} })` } = given;
  const folder = mkdtempSync(join(tmpdir(), "merlon-logged-"));
  writeFileSync(join(folder, "package.json"), "{}");
  const program = join(folder, "logged.ensemble.ts");
  writeFileSync(
    program,
    `import { ensemble, epsilonGreedy, explode, lambdaOp, limitPerGroup, mergeCandidates, rename, softmaxSampling, source, topK, unrollFeatures } from "merlon";

const request = source({ user_id: "int64", country: "string", ids: "int64[${width}]", popular: "int64[2]" });
const nearest = request["ids"] >> explode() >> rename({ name: "candidate_ids" });
const popular = request["popular"] >> explode() >> rename({ name: "candidate_ids" });
const merged = nearest >> mergeCandidates([popular]);
const pairs = merged >> lambdaOp(candidate_ids => candidate_ids * 10, { name: "tenfold", dtype: "int64" });
const score = merged >> lambdaOp(candidate_ids => (candidate_ids % 7 + 1) / 10, { name: "score", dtype: "float32" });
const ${ordering.includes("const ordering") ? "ordered" : "ordering"} = merged["candidate_ids"] >> ${ordering};

export default ensemble("${name}", ordering, { log: ${log}, ${options} });
`,
  );
  const made = await compile(program);
  if (!made.ok) throw new Error(printDiagnostics(made.diagnostics));
  const repository = join(folder, "repository");
  mkdirSync(repository);
  build(made, repository);
  return repository;
}

/** A request in the JSON form. */
export const requestOf = (
  rows: readonly {
    readonly user: number;
    readonly country?: string;
    readonly ids: readonly number[];
    readonly popular: readonly number[];
  }[],
  more: { readonly id?: string; readonly parameters?: object } = {},
) => ({
  ...more,
  inputs: [
    { name: "user_id", datatype: "INT64", shape: [rows.length, 1], data: rows.map(row => row.user) },
    { name: "country", datatype: "BYTES", shape: [rows.length, 1], data: rows.map(row => row.country ?? "de") },
    { name: "ids", datatype: "INT64", shape: [rows.length, rows[0]!.ids.length], data: rows.flatMap(row => row.ids) },
    { name: "popular", datatype: "INT64", shape: [rows.length, 2], data: rows.flatMap(row => row.popular) },
  ],
});

/** Finished files of a model. */
export const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(name => name.endsWith(".parquet"));

/** Rows of a query in DuckDB, as plain values. */
export async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJS() as Record<string, unknown>[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
