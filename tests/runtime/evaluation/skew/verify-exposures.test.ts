/** A served model and its log: nothing differs, or one of three planted skews, each found by its column, step and rows. */
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { build, compile } from "#compiler/index.js";
import { parsePlan } from "#contract/plan.js";
import { checkPlan } from "#runtime/evaluation/skew/check-plan.js";
import { verifyExposures } from "#runtime/evaluation/skew/verify-exposures.js";
import { merlon } from "../../../cli/merlon-command.js";
import { sql } from "../../etl/feedback/log.js";
import { fitCells } from "../../etl/run-workflow.js";
import { workflowPlan } from "../../etl/workflow-plan.js";
import { loggedRepository, requestOf } from "../../server/exposures/logged-ensemble.js";
import { startServer } from "../../server/support.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ARTEFACTS = join(import.meta.dirname, "../../../samples/artefacts");
const folder = mkdtempSync(join(tmpdir(), "merlon-skew-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = (candidates: string): string => `
import { ensemble, explode, lambdaOp, mixScores, predictOnnx, queryFeast, rename, softmaxSampling, source, transformWorkflow, unrollFeatures } from "merlon";
const request = source({ user_id: "int64", item_ids: "list<int64>" });
const user = request["user_id"] >> queryFeast("features", { view: "user_features", includeId: true });
const scaled = user["age"] >> transformWorkflow("etl/user");
const items = (request["item_ids"] >> explode()) >> queryFeast("features", { view: "item_features", entityColumn: "candidate_ids", includeId: true, prefix: "item" });
const pairs = items >> unrollFeatures("item_id", scaled["age"]);
const ranking = pairs[["item_id", "age"]] >> predictOnnx("models/ranker.onnx");
const cheapness = pairs["item_price"] >> lambdaOp(item_price => -item_price / 100, { name: "cheapness", dtype: "float32" });
const score = ranking + cheapness >> mixScores({ weights: { "purchase/binary_output": 2, cheapness: 1 }, scale: "standard" });
const ordering = pairs["item_id"] >> softmaxSampling(score, { topk: 2, temperature: 1.5 });
const chance = ranking["purchase/binary_output"] >> rename({ name: "chance" });
export default ensemble("shop", ordering, { log: {
  columns: [request["user_id"], user["age"] >> rename({ name: "raw_age" }), scaled["age"] >> rename({ name: "scaled_age" }), pairs["item_price"], chance],
  candidates: ${candidates},
} });
`;

/** Fits the workflow on ages, in a folder of its own. */
async function fitted(at: string, ages: readonly number[]): Promise<void> {
  const plan = workflowPlan({ age: "float32" }, [{ op: "normalize", params: { outDtype: "float32" } }]);
  await fitCells(at, plan, { age: ages });
  renameSync(join(at, "fitted"), join(at, "etl", "user"));
}

/** Weight of this item in the other model. */
const CHANGED_ITEM = 12;

interface World {
  readonly candidates?: string;
  readonly ages?: readonly number[];
  readonly otherModel?: true;
}

/** @returns a repository of the program, with a fit on these ages and a ranker */
async function repository(name: string, { candidates = "{ all: 1 }", ages = [20, 40, 60], otherModel }: World = {}) {
  const at = join(folder, name);
  for (const path of ["features", "models/ranker.onnx"])
    cpSync(join(ARTEFACTS, path), join(at, path), { recursive: true });
  cpSync(join(ARTEFACTS, "etl/sessions"), join(at, "etl/sessions"), { recursive: true });
  if (otherModel) {
    const file = join(at, "models/ranker.onnx");
    const bytes = readFileSync(file);
    const table = bytes.indexOf(Buffer.from(Float32Array.of(-0.5793016, -0.19619597).buffer));
    bytes.writeFloatLE(bytes.readFloatLE(table + 4 * CHANGED_ITEM) + 1, table + 4 * CHANGED_ITEM);
    writeFileSync(file, bytes);
  }
  await fitted(at, ages);
  const file = join(at, "shop.ensemble.ts");
  writeFileSync(file, program(candidates));
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join("\n"));
  build(compiled, join(at, "repo"));
  return join(at, "repo");
}

const LISTS = Array.from({ length: 40 }, (_, l) => ({
  user: 1 + (l % 2),
  items: Array.from({ length: 4 }, (_, i) => 10 + ((7 * l + 5 * i) % 40)),
}));

/** Serves the lists. @returns the folder of the log */
async function serve(repo: string, name: string): Promise<string> {
  const log = join(folder, name);
  const server = await startServer(repo, { exposures: { folder: log } });
  for (const [l, { user, items }] of LISTS.entries()) {
    const { status, body } = await server.post("/v2/models/shop/infer", {
      id: `q${l}`,
      inputs: [
        { name: "user_id", datatype: "INT64", shape: [1], data: [user] },
        { name: "item_ids__values", datatype: "INT64", shape: [items.length], data: items },
        { name: "item_ids__offsets", datatype: "INT32", shape: [2], data: [0, items.length] },
      ],
    });
    expect([status, body]).toEqual([200, expect.anything()]);
  }
  await server.stop();
  return join(log, "shop");
}

const rowsOf = (item: number): number => LISTS.filter(({ items }) => items.includes(item)).length;

/** Histories of both views: the stored values at the start of 2026, others before, and later than any exposure. */
async function histories(name: string, changed: readonly (readonly [item: number, price: number])[] = []) {
  const users = join(folder, `${name}-users.parquet`);
  const items = join(folder, `${name}-items.parquet`);
  const at = (year: string) => `TIMESTAMP '${year}-01-01'`;
  const changes = changed
    .map(([item, price]) => `UNION ALL SELECT ${item}, ${price}, TIMESTAMP '2026-02-01'`)
    .join(" ");
  await sql(
    `COPY (SELECT user_id::BIGINT AS user_id, age::FLOAT AS age, t AS event_timestamp FROM (VALUES
       (1, 5, ${at("2025")}), (1, 31, ${at("2026")}), (1, 99, ${at("2099")}), (2, 44, ${at("2026")})) v(user_id, age, t)) TO '${users}'`,
    `COPY (SELECT 10 + i AS item_id, i + 0.5 AS price, ${at("2026")} AS event_timestamp FROM range(40) t(i)
       UNION ALL SELECT 10 + i, 1000, ${at("2025")} FROM range(40) t(i) UNION ALL SELECT 10 + i, 2000, ${at("2099")} FROM range(40) t(i) ${changes}) TO '${items}'`,
    "SELECT 1",
  );
  return new Map([
    ["user_features", [users]],
    ["item_features", [items]],
  ]);
}

let served: string;
let log: string;
beforeAll(async () => {
  served = await repository("served");
  log = await serve(served, "log");
});

describe("without skew", () => {
  test("every logged column is compared, or named with the reason", async () => {
    const found = await verifyExposures(join(served, "shop"), [log], { history: await histories("same") });
    expect(found.drift).toBeUndefined();
    expect(found.columns.map(({ column, by, compared, drifted }) => [column, by, compared, drifted])).toEqual([
      ["item_price", "history", 160, 0],
      ["raw_age", "history", 160, 0],
      ["scaled_age", "recomputed", 160, 0],
      ["chance", "recomputed", 160, 0],
      ["score", "recomputed", 160, 0],
    ]);
    expect(found.notChecked.map(({ column }) => column)).toEqual([
      "user_id",
      "position",
      "propensity",
      "list_propensity",
    ]);
    expect([found.otherPlans, found.otherArtefacts]).toEqual([[], []]);
  });
  test("several sources: columns of a source are compared for its own items", async () => {
    const repo = await loggedRepository({
      log: `{ columns: [request[["country", "ids"]], pairs["tenfold"], nearest >> lambdaOp(candidate_ids => candidate_ids * 2, { name: "twice", dtype: "int64" })], candidates: { all: 1 }, personal: { country: "hash" } }`,
    });
    const exposures = join(folder, "sources");
    const saltFile = join(folder, "salt.txt");
    writeFileSync(saltFile, "0123456789abcdef0123456789abcdef\n");
    const server = await startServer(repo, { exposures: { folder: exposures, saltFile } });
    const body = JSON.stringify(requestOf([{ user: 1, ids: [11, 12, 13, 14, 15, 16], popular: [3, 12] }]));
    expect((await server.json("/v2/models/logged/infer", { method: "POST", body })).status).toBe(200);
    await server.stop();
    const { drift, columns, notChecked } = await verifyExposures(join(repo, "logged"), [join(exposures, "logged")]);
    expect(drift).toBeUndefined();
    expect(Object.fromEntries(columns.map(({ column, compared }) => [column, compared]))).toEqual({
      tenfold: 7,
      score: 7,
      twice: 6,
    });
    expect(notChecked.slice(0, 2)).toEqual([
      { column: "country", reason: "kept as a hash" },
      { column: "ids", reason: "a column of the request" },
    ]);
  });
  test("a score that was scaled among candidates which a filter dropped is named", async () => {
    const at = join(folder, "filtered.ensemble.ts");
    writeFileSync(
      at,
      `import { ensemble, explode, filter, lambdaOp, mixScores, softmaxSampling, source } from "merlon";
const items = source({ ids: "list<int64>" })["ids"] >> explode();
const liking = items >> lambdaOp(candidate_ids => candidate_ids % 7, { name: "liking", dtype: "float32" });
const scaled = liking >> mixScores({ weights: { liking: 1 }, scale: "standard" });
const kept = (items + scaled) >> filter(row => row.mixed_score > 0);
const ordering = kept["candidate_ids"] >> softmaxSampling(kept["mixed_score"], { topk: 2, temperature: 1 });
export default ensemble("filtered", ordering, { log: { columns: [], candidates: { all: 1 } } });
`,
    );
    const compiled = await compile(at);
    if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join("\n"));
    build(compiled, join(folder, "filtered"));
    const file = join(folder, "filtered", "filtered", "1", "plan.json");
    const plan = parsePlan(readFileSync(file, "utf8"), file);
    const { computed, notChecked } = checkPlan({ ...plan, log: plan.log! }, true);
    expect(computed).toEqual([]);
    expect(notChecked[0]).toEqual({
      column: "score",
      reason: expect.stringMatching(/mixScores` reads candidates that are not in the log$/),
    });
  });
});

describe("with skew", () => {
  test("a feature that changed before the request, and was served as before", async () => {
    const history = await histories("changed", [[15, 77]]);
    const { drift, columns } = await verifyExposures(join(served, "shop"), [log], { history });
    expect(drift).toMatchObject({ column: "item_price", op: "queryFeast", by: "history", drifted: rowsOf(15) });
    expect(drift!.first).toMatchObject({ item: "15", logged: 5.5, expected: 77 });
    expect(columns.filter(({ drifted }) => drifted > 0)).toHaveLength(1);
  });
  test("another fit of a workflow", async () => {
    const other = await repository("refit", { ages: [10, 30, 90] });
    const { drift, columns, otherPlans, otherArtefacts } = await verifyExposures(join(other, "shop"), [log]);
    expect(drift).toMatchObject({ column: "scaled_age", op: "transformWorkflow", drifted: 160, compared: 160 });
    // The columns below are computed from the logged one.
    expect(columns.filter(({ drifted }) => drifted > 0)).toHaveLength(1);
    expect(otherPlans.length + otherArtefacts.length).toBeGreaterThan(0);
  });
  test("another model", async () => {
    const other = await repository("model", { otherModel: true });
    const { drift, columns } = await verifyExposures(join(other, "shop"), [log]);
    expect(drift).toMatchObject({ column: "chance", op: "predictOnnx", drifted: rowsOf(CHANGED_ITEM) });
    expect(drift!.first!.item).toBe(String(CHANGED_ITEM));
    expect(drift!.largest).toBeCloseTo(1, 5);
    expect(columns.filter(({ drifted }) => drifted > 0)).toHaveLength(1);
  });
});

describe("the command", () => {
  test("prints the columns, and exits with 1 for the first that differs", async () => {
    const same = await histories("command");
    const options = (history: ReadonlyMap<string, readonly string[]>) =>
      [...history].flatMap(([view, [file]]) => ["--history", `${view}=${file}`]);
    const model = join(served, "shop");
    const alike = await merlon(folder, "verify", model, "--exposures", log, ...options(same));
    expect(alike).toMatchObject({ status: 0, err: "" });
    expect(alike.out).toMatch(/^✔ .*shop: 160 of 160 rows compared\n/);
    expect(alike.out).toMatch(/\nNot compared:\n {2}user_id: a column of the request\n/);
    const changed = options(await histories("command-2", [[20, 1]]));
    const { status, out, err } = await merlon(folder, "verify", model, "--exposures", log, ...changed);
    expect(status).toBe(1);
    expect(err).toMatch(
      /^✘ .*shop: column `item_price` of step `items\.queryFeast` \(queryFeast\) differs in \d+ of 160 rows, first in request "q\d+", row 0, item 20: 10\.5 logged, 1 in the history\.\n$/,
    );
    const both = new Map(await histories("command-3", [[20, 1]]));
    const users = join(folder, "command-3-ages.parquet");
    await sql(
      `COPY (SELECT user_id::BIGINT AS user_id, 1::FLOAT AS age, TIMESTAMP '2026-01-01' AS event_timestamp FROM range(1, 3) t(user_id)) TO '${users}'`,
      "SELECT 1",
    );
    const two = options(both.set("user_features", [users]));
    expect((await merlon(folder, "verify", model, "--exposures", log, ...two)).err).toMatch(
      /1 in the history\. Another column differs: `raw_age` in 160 rows\.\n$/,
    );
    expect(out).toMatch(/\nitem_price +items\.queryFeast +history +160 +\d+ +9\.5\n/);
  });
  test.each([
    [
      ["--history", "shops=x.parquet"],
      /no feature of view `shops`; it keeps features of `item_features`, `user_features`/,
    ],
    [["--history", "item_features=none.parquet"], /`none\.parquet` names no file/],
    [["--rows", "0"], /A whole number of at least 1/],
  ])("refuses %j", async (options, message) => {
    const { status, err } = await merlon(folder, "verify", join(served, "shop"), "--exposures", log, ...options);
    expect(status).toBe(1);
    expect(err).toMatch(message);
  });
  test("refuses the log of another model, and options without a log", async () => {
    const other = join(folder, "other.parquet");
    await sql(`COPY (SELECT * REPLACE ('other' AS model) FROM '${log}/*.parquet') TO '${other}'`, "SELECT 1");
    const run = (...words: string[]) => merlon(folder, "verify", join(served, "shop"), ...words);
    expect((await run("--exposures", other)).err).toContain("the log is of model `other`");
    expect((await run("--json")).err).toContain("`--json` is for an exposure log");
  });
});
