// Logs of other models and plans: replay reads columns by name, and refuses a log whose names may mean another thing.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { openCandidate } from "#runtime/evaluation/open-candidate.js";
import { readLog } from "#runtime/evaluation/read-log.js";
import { writeRows } from "./logged-rows.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-served-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const INDEX = JSON.stringify(join(import.meta.dirname, "../../samples/artefacts/index/items.faiss"));

const PARTS = {
  name: "shop",
  search: `queryFaiss(${INDEX}, { topk: 20, includeDistances: true })`,
  vector: 'request["query"]',
  age: 'request["age"]',
  score: "distance * 0.5 + age",
};

async function built(at: string, parts: Partial<typeof PARTS> = {}): Promise<string> {
  const { name, search, vector, age, score } = { ...PARTS, ...parts };
  const file = join(folder, `${at}.ensemble.ts`);
  writeFileSync(
    file,
    `import { ensemble, lambdaOp, queryFaiss, rename, softmaxSampling, source, unrollFeatures } from "merlon";
const request = source({ query: "float32[4]", second: "float32[4]", age: "float32", years: "float32" });
const found = ${vector} >> ${search};
const distance = found["candidate_distances"] >> rename({ name: "distance" });
const years = ${age} >> rename({ name: "age" });
const pairs = (found["candidate_ids"] + distance) >> unrollFeatures("candidate_ids", years);
const score = pairs[["distance", "age"]] >> lambdaOp((distance, age) => ${score}, { name: "liking", dtype: "float32" });
export default ensemble("${name}", found["candidate_ids"] >> softmaxSampling(score, { topk: 2 }), {
  log: { columns: [years, distance], candidates: { all: 1 } },
});
`,
  );
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join("\n"));
  build(compiled, join(folder, at));
  return join(folder, at, name);
}

const hashOf = (model: string): string =>
  createHash("sha256")
    .update(readFileSync(join(model, "1", "plan.json")))
    .digest("hex")
    .slice(0, 16);

/** A log of lists, each written by one plan. */
const logOf = (
  name: string,
  by: readonly { readonly model: string; readonly plan: string; readonly version?: number }[],
) =>
  writeRows(
    join(folder, `${name}.parquet`),
    by.flatMap(({ model, plan, version = 1 }, l) =>
      [1, 2, 3].map(item => ({
        ...{ request_id: `r${l}`, request_row: 0, item, position: item < 3 ? item : null },
        ...{ propensity: item < 3 ? 0.4 : null, reward: item < 3 ? 1 : null, age: 3, distance: item },
        ...{ model, version, plan },
      })),
    ),
    { age: "FLOAT", distance: "FLOAT", model: "VARCHAR", version: "BIGINT", plan: "VARCHAR" },
  );

async function replay(model: string, log: string, served: readonly string[] = []) {
  const candidate = await openCandidate(model, served);
  try {
    return await readLog([log], { policy: candidate, reward: "reward" });
  } finally {
    await candidate.close();
  }
}

test("the served model and a new program of its name are replayed", async () => {
  const served = await built("served");
  const next = await built("next", { score: "distance - age" });
  const log = await logOf("own", [{ model: "shop", plan: hashOf(served) }]);
  expect(hashOf(next)).not.toBe(hashOf(served));
  for (const model of [served, next]) {
    expect((await replay(model, log)).policy).toHaveLength(2);
    expect((await replay(model, log, [served])).policy).toHaveLength(2);
  }
}, 60_000);

test("a log of another model is refused by name, unless its plan reads the same columns", async () => {
  const served = await built("named", { name: "other" });
  const next = await built("renamed");
  const log = await logOf("other", [{ model: "other", plan: hashOf(served) }]);
  await expect(replay(next, log)).rejects.toThrow(
    /the log is of model `other`, and the ensemble is `shop`.*`--served FOLDER`, the folder of `other`/,
  );
  expect((await replay(next, log, [served])).policy).toHaveLength(2);
}, 60_000);

test("two plans in a log are named with their rows, and are compared if both are given", async () => {
  const first = await built("first");
  const second = await built("second", { score: "age" });
  const other = await built("other-search", { search: `queryFaiss(${INDEX}, { topk: 10, includeDistances: true })` });
  const log = await logOf("mixed", [
    { model: "shop", plan: hashOf(first) },
    { model: "shop", plan: hashOf(second), version: 2 },
    { model: "shop", plan: hashOf(first) },
  ]);
  await expect(replay(first, log)).rejects.toThrow(
    `the log has rows of 2 plans: 6 rows of plan \`${hashOf(first)}\` (\`shop\`, version 1) and 3 rows of plan \`${hashOf(second)}\` (\`shop\`, version 2). A column of one name may differ`,
  );
  await expect(replay(first, log, [first])).rejects.toThrow(
    `the log has 3 rows of plan \`${hashOf(second)}\` (\`shop\`, version 2), and \`--served\` has \`${hashOf(first)}\` (version 1). Name the folder that has this plan`,
  );
  expect((await replay(first, log, [first, second])).policy).toHaveLength(6);
  // Another search makes the column of this name.
  const odd = await logOf("odd", [
    { model: "shop", plan: hashOf(first) },
    { model: "shop", plan: hashOf(other) },
  ]);
  await expect(replay(first, odd, [first, other])).rejects.toThrow(
    "column `distance` of the log is another one than the ensemble reads: it is `candidate_distances` of `queryFaiss` with `topk` 10 in the served plan, and `candidate_distances` of `queryFaiss` with `topk` 20 in the ensemble. Log the ensemble's own column under another name",
  );
}, 60_000);

test.each<[string, Partial<typeof PARTS>, string]>([
  [
    "another column of the request",
    { age: 'request["years"]' },
    'column `age` of the log is another one than the ensemble reads: it is `request["age"]` in the served plan, and `request["years"]` in the ensemble',
  ],
  [
    "a search by another vector",
    { vector: 'request["second"]' },
    'column `distance` of the log is another one than the ensemble reads: `query`, which `found.queryFaiss` reads, is `request["query"]` in the served plan, and `request["second"]` in the ensemble',
  ],
])(
  "%s is named",
  async (name, parts, message) => {
    const served = await built(`${name.replaceAll(" ", "-")}-served`);
    const next = await built(name.replaceAll(" ", "-"), parts);
    const log = await logOf(name.replaceAll(" ", "-"), [{ model: "shop", plan: hashOf(served) }]);
    await expect(replay(next, log, [served])).rejects.toThrow(message);
  },
  60_000,
);
