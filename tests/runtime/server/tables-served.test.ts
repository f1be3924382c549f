/** A table of candidates that is replaced in the repository: seen by the server that runs, and by the next one, without a build. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { build, compile } from "#compiler/index.js";
import { printCandidates, writeCandidates } from "../../operators/candidate-file.js";
import { startServer } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-tables-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROGRAM = `import { ensemble, explode, lookupCandidates, mergeCandidates, source } from "merlon";
const request = source({ town: "string", popular_ids: "list<int64>" });
const inTown = request["town"] >> lookupCandidates("town.candidates");
const merged = (request["popular_ids"] >> explode()) >> mergeCandidates(inTown, { names: ["given", "town"], within: { town: 60000 } });
export default ensemble("towns", merged);
`;
const tableOf = (...ids: readonly number[]) => ({
  ...({ keys: "string", ids: "int64" } as const),
  lists: [["Ghent", ids]] as const,
});
const body = {
  inputs: [
    { name: "town", datatype: "BYTES", shape: [1], data: ["Ghent"] },
    { name: "popular_ids__values", datatype: "INT64", shape: [1], data: [5] },
    { name: "popular_ids__offsets", datatype: "INT32", shape: [2], data: [0, 1] },
  ],
};

test("a replaced table is served within 5 s, a damaged one is not, and the next server takes what is there", async () => {
  writeFileSync(join(folder, "towns.ensemble.ts"), PROGRAM);
  writeCandidates(join(folder, "town.candidates"), tableOf(1, 2));
  const compiled = await compile(join(folder, "towns.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  const repository = join(folder, "repository");
  build(compiled, repository, { layout: "executor" });
  const file = readdirSync(repository, { recursive: true, encoding: "utf8" }).find(path =>
    path.endsWith(".candidates"),
  )!;
  const table = join(repository, file);
  const ask = async (server: Awaited<ReturnType<typeof startServer>>): Promise<readonly number[]> => {
    const { body: answer } = await server.post("/v2/models/towns/infer", body);
    const { outputs } = answer as { readonly outputs: readonly { name: string; data: number[] }[] };
    return outputs.find(({ name }) => name === "candidate_ids__values")!.data;
  };
  const warnings: string[] = [];
  const warned = ({ message }: Error): void => void warnings.push(message);
  process.on("warning", warned);
  const server = await startServer(repository, {});
  try {
    expect(await ask(server)).toEqual([5, 1, 2]);
    writeCandidates(table, tableOf(7));
    await vi.waitFor(async () => expect(await ask(server)).toEqual([5, 7]), { timeout: 5000, interval: 50 });
    writeCandidates(table, printCandidates(tableOf(8, 9)).slice(0, 250));
    await vi.waitFor(() => expect(warnings.join()).toMatch(/town\.candidates .*What was read before is served on\./), {
      timeout: 5000,
    });
    expect(await ask(server)).toEqual([5, 7]);
    writeCandidates(table, tableOf(8, 9));
    await vi.waitFor(async () => expect(await ask(server)).toEqual([5, 8, 9]), { timeout: 5000, interval: 50 });
    const { body: statistics } = await server.json("/v2/models/towns/stats");
    const stages = JSON.stringify(statistics);
    expect(stages).toMatch(/"name":"town","found":\d+,"kept":\d+,"unscored":0,"left_out":0/);
  } finally {
    process.off("warning", warned);
    await server.stop();
  }
  const next = await startServer(repository, {});
  try {
    expect(await ask(next)).toEqual([5, 8, 9]);
  } finally {
    await next.stop();
  }
}, 120_000);
