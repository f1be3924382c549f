/** A null output is distinguished from 0 and "": each layout, and a stock Triton's graphs, mark it in `NAME__validity`. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BuildOptions, build, compile, printDiagnostics } from "#compiler/index.js";
import { serve } from "#runtime/server/index.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { tensor } from "../../runtime/server/served-plan.js";
import { askBinary } from "../ask-binary.js";

const STORE = JSON.stringify(join(import.meta.dirname, "../../samples/artefacts/features"));
const INDEX = JSON.stringify(join(import.meta.dirname, "../../samples/artefacts/index/items.faiss"));
const PROGRAM = `import { ensemble, filterCandidates, lambdaOp, queryFaiss, queryFeast, source } from "merlon";
const request = source({ user_id: "int64", query: "float32[4]" });
const user = request["user_id"] >> queryFeast(${STORE}, { view: "user_features", onMissing: { age: "null", city: "null", purchased_ids: { default: [29] } } });
const years = user["age"] >> lambdaOp((x: number | null) => (x === null ? null : Math.round(x)), { name: "years", dtype: "int32" });
const found = request["query"] >> queryFaiss(${INDEX}, { topk: 3 }) >> filterCandidates(user["purchased_ids"]);
const keys = found >> lambdaOp((id: number) => (id % 2 === 0 ? 1 : 999), { name: "other", dtype: "int64" });
const others = keys >> queryFeast(${STORE}, { view: "user_features", features: ["city"], prefix: "others", onMissing: "null" });
`;
const FORMS: Readonly<Record<string, BuildOptions>> = {
  executor: {},
  ensemble: { layout: "ensemble" },
  "a graph per step": { triton: { freeze: freezeFeatures } },
  "one graph": { triton: { freeze: freezeFeatures, fuse: true } },
};
const folder = mkdtempSync(join(tmpdir(), "merlon-null-answers-"));
const servers: Awaited<ReturnType<typeof serve>>[] = [];
afterAll(async () => {
  for (const server of servers) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeAll(async () => {
  for (const [name, options] of [
    ["batched", "{}"],
    ["unbatched", "{ maxBatchSize: 0 }"],
  ]) {
    const file = join(folder, `${name}.ensemble.ts`);
    writeFileSync(
      file,
      `${PROGRAM}export default ensemble("${name}", years + user["city"] + others + found, ${options});\n`,
    );
    const compiled = await compile(file);
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
    for (const [form, how] of Object.entries(FORMS)) build(compiled, join(folder, form), how);
  }
  for (const form of Object.keys(FORMS))
    servers.push(
      await serve({
        modelRepositories: [join(folder, form)],
        http: { address: "127.0.0.1", port: 0 },
        grpc: false,
        metrics: false,
        writeLog: () => {},
      }),
    );
}, 120_000);

test.each(["batched", "unbatched"])("%s", async model => {
  const asked = [
    tensor("user_id", "int64", model === "batched" ? [2, 1] : [2], [1n, 999n]),
    tensor("query", "float32", [2, 4], [1, 0, 0, 0, 0, 1, 0, 0]),
  ];
  const answers = await Promise.all(servers.map(({ ports }) => askBinary(ports.http!, model, asked)));
  for (const [i, form] of Object.keys(FORMS).entries()) expect(answers[i], form).toEqual(answers[0]);
  const [first] = answers as [Exclude<(typeof answers)[0], { error: string }>];
  const found = Object.entries(first).filter(([name]) => name.endsWith("__validity"));
  // The store has user 1. One candidate of the other is filtered out: its place is filled up, and no value.
  expect(Object.fromEntries(found)).toEqual(
    model === "batched"
      ? {
          city__validity: ["BOOL", [2, 1], "0100"],
          others_city__validity: ["BOOL", [2, 3], "000101" + "010000"],
          years__validity: ["BOOL", [2, 1], "0100"],
        }
      : {
          city__validity: ["BOOL", [2], "0100"],
          others_city__validity: ["BOOL", [5], "000101" + "0100"],
          years__validity: ["BOOL", [2], "0100"],
        },
  );
});
