/** Both kinds of ensemble name what travels between their models alike, whatever columns are called; repositories of earlier builds are served on. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type BuildOptions, build, compile, printDiagnostics } from "#compiler/index.js";
import { serve } from "#runtime/server/index.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { parseModelConfig } from "#triton-protos/model-config.js";
import { tensor } from "../../runtime/server/served-plan.js";
import { askBinary } from "../ask-binary.js";

const STORE = JSON.stringify(join(import.meta.dirname, "../../samples/artefacts/features"));
const FORMS: Readonly<Record<string, BuildOptions>> = {
  executor: {},
  stages: { layout: "ensemble" },
  graphs: { triton: { freeze: freezeFeatures } },
};
const folder = mkdtempSync(join(tmpdir(), "merlon-ensemble-tensors-"));
const servers: Awaited<ReturnType<typeof serve>>[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function programOf(name: string, text: string) {
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(file, text);
  const compiled = await compile(file, { off: new Set(["fuseElementwise"]) });
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  return compiled;
}

/** Tensors of an ensemble's schedule that are neither the request's nor its answers. */
function between(repository: string, model: string): string[] {
  const { input, output, ensemble_scheduling } = parseModelConfig(
    readFileSync(join(repository, model, "config.pbtxt"), "utf8"),
    model,
  );
  const outside = new Set([...input, ...output].map(({ name }) => name));
  const made = ensemble_scheduling!.step.flatMap(step => Object.values(step.output_map));
  expect(made.length).toBe(new Set(made).size);
  return made.filter(name => !outside.has(name)).sort();
}

async function serveAt(repository: string) {
  const server = await serve({
    modelRepositories: [repository],
    http: { address: "127.0.0.1", port: 0 },
    grpc: false,
    metrics: false,
    writeLog: () => {},
  });
  servers.push(server);
  return server.ports.http!;
}

const LOOKED_UP = `const user = request["user_id"] >> queryFeast(${STORE}, { view: "user_features", onMissing: { age: "null", city: "null", purchased_ids: { default: [29] } } });
const years = user["age"] >> lambdaOp((x: number | null) => (x === null ? null : Math.round(x)), { name: "years", dtype: "int32" });
`;

test("lists, nulls and candidates have the names that the documentation lists", async () => {
  const compiled = await programOf(
    "named",
    `import { ensemble, explode, fillMissing, filterCandidates, hashBucket, lambdaOp, queryFeast, source } from "merlon";
const request = source({ user_id: "int64", likes: "list<int64>" });
${LOOKED_UP}const liked = request["likes"] >> explode() >> filterCandidates(user["purchased_ids"]);
const known = years >> fillMissing(0) >> hashBucket(50);
export default ensemble("named", known + liked);
`,
  );
  for (const [form, how] of Object.entries(FORMS)) build(compiled, join(folder, form), how);
  const shared = [
    "known.fillMissing.years",
    "known.hashBucket.years",
    "user.queryFeast.age",
    "user.queryFeast.purchased_ids__offsets",
    "user.queryFeast.purchased_ids__values",
    "years.lambdaOp.years",
    "years.lambdaOp.years__validity",
  ];
  expect(between(join(folder, "stages"), "named")).toEqual(
    [
      ...shared,
      "liked.explode#offsets",
      "liked.explode.candidate_ids__validity",
      "liked.explode.candidate_ids__values",
      "liked.filterCandidates#offsets",
      "liked.filterCandidates.filtered_ids__validity",
      "liked.filterCandidates.filtered_ids__values",
    ].sort(),
  );
  // No graph of this program makes a null candidate.
  expect(between(join(folder, "graphs"), "named")).toEqual(
    [
      ...shared,
      "liked.explode#mask",
      "liked.explode.candidate_ids",
      "liked.filterCandidates#mask",
      "liked.filterCandidates.filtered_ids",
    ].sort(),
  );
});

test("an answer whose nulls would be marked in a column of the request is refused with a way out", async () => {
  const compiled = await programOf(
    "marked",
    `import { ensemble, queryFeast, source } from "merlon";
const request = source({ user_id: "int64", city__validity: "int64" });
const user = request["user_id"] >> queryFeast(${STORE}, { view: "user_features", features: ["city"], onMissing: "null" });
export default ensemble("marked", user);
`,
  );
  const refused = /answers `city__validity`, and the request has another column of that name.*rename\({ postfix/s;
  for (const form of ["stages", "graphs"])
    expect(() => build(compiled, join(folder, "refused"), FORMS[form])).toThrowError(refused);
  expect(() =>
    build(compiled, join(folder, "refused"), { triton: { freeze: freezeFeatures, fuse: true } }),
  ).toThrowError(refused);
});

test("repositories of an earlier build are served, and answer the same", async () => {
  const EARLIER = join(import.meta.dirname, "../../fixtures/earlier-build");
  const compiled = await compile(join(EARLIER, "earlier.ensemble.ts"));
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  const repositories = Object.entries(FORMS).map(([form, how]) => {
    const out = join(folder, `earlier-${form}`);
    if (form === "executor") build(compiled, out, how);
    else cpSync(join(EARLIER, form), out, { recursive: true });
    return out;
  });
  // Nulls of a vector in a flat tensor, and a list with its lengths: no build makes these any more.
  expect(between(repositories[2]!, "earlier")).toEqual(
    expect.arrayContaining(["lists.choose.popular", "lists.choose.popular.lengths", "liked.explode.mask"]),
  );
  const text = readFileSync(join(repositories[1]!, "earlier_vector_choose/config.pbtxt"), "utf8");
  expect(parseModelConfig(text, "earlier").output.map(({ name, dims }) => [name, dims])).toContainEqual([
    "first__validity",
    [-1],
  ]);
  const asked = [
    tensor("is_new", "bool", [3], [1, 0, 1]),
    tensor("first", "int64", [3, 3], [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]),
    tensor("second", "int64", [3, 3], [10n, 20n, 30n, 40n, 50n, 60n, 70n, 80n, 90n]),
    tensor("likes__values", "int64", [3], [1n, 2n, 3n]),
    tensor("likes__offsets", "int32", [4], [0, 1, 3, 3]),
    tensor("popular__values", "int64", [4], [5n, 6n, 7n, 8n]),
    tensor("popular__offsets", "int32", [4], [0, 2, 3, 4]),
    tensor("seen__values", "int64", [2], [6n, 3n]),
    tensor("seen__offsets", "int32", [4], [0, 1, 2, 2]),
  ];
  const [executor, stages, graphs] = await Promise.all(
    repositories.map(async repository => askBinary(await serveAt(repository), "earlier", asked)),
  );
  expect(executor).toMatchObject({ filtered_ids__offsets: ["INT32", [4], expect.any(String)] });
  expect(stages).toEqual(executor);
  expect(graphs).toEqual(executor);
});
