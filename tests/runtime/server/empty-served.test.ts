/** A source that contributes nothing for a minute: one line in the log, a state in explanations, statistics and metrics. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { build, compile } from "#compiler/index.js";
import { writeCandidates } from "../../operators/candidate-file.js";
import { startServer } from "./support.js";

const PROGRAM = `import { ensemble, explode, lookupCandidates, mergeCandidates, source } from "merlon";
const request = source({ town: "string", popular_ids: "list<int64>" });
const inTown = request["town"] >> lookupCandidates("town.candidates");
const merged = (request["popular_ids"] >> explode()) >> mergeCandidates(inTown, { names: ["given", "town"] });
export default ensemble("towns", merged);
`;
const bodyOf = (town: string) => ({
  parameters: { explain: true },
  inputs: [
    { name: "town", datatype: "BYTES", shape: [1], data: [town] },
    { name: "popular_ids__values", datatype: "INT64", shape: [1], data: [5] },
    { name: "popular_ids__offsets", datatype: "INT32", shape: [2], data: [0, 1] },
  ],
});

afterEach(() => vi.useRealTimers());

test("a table without the keys that requests have is noticed after a minute, once, and no longer when it helps", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-empty-"));
  writeFileSync(join(folder, "towns.ensemble.ts"), PROGRAM);
  const table = { keys: "string", ids: "int64", lists: [["Ghent", [1, 2]]] } as const;
  writeCandidates(join(folder, "town.candidates"), table);
  const compiled = await compile(join(folder, "towns.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  const repository = join(folder, "repository");
  build(compiled, repository, { layout: "executor" });
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const server = await startServer(repository);
  const minute = async (town: string, requests: number): Promise<Record<string, unknown>> => {
    for (let i = 0; i < requests; i++) await server.post("/v2/models/towns/infer", bodyOf(town));
    vi.advanceTimersByTime(60_000);
    const { body } = await server.post("/v2/models/towns/infer", bodyOf(town));
    return (body as { readonly parameters: Record<string, unknown> }).parameters;
  };
  const lines = (): readonly string[] => server.log.filter(line => line.includes("contributed no candidate"));
  try {
    expect(Object.keys(await minute("Bruges", 9)).filter(name => name.startsWith("empty."))).toEqual([]);
    const explained = await minute("Bruges", 9);
    const [merge] = Object.keys(explained).filter(name => name.startsWith("empty.") && name.includes("merge"));
    expect(explained[merge!]).toBe("its source `town` contributed no candidate");
    await minute("Bruges", 20);
    expect(lines()).toEqual([
      expect.stringMatching(/'towns': step `[^`]+`: its source `town` contributed no candidate/),
    ]);
    const stats = JSON.stringify((await server.json("/v2/models/towns/stats")).body);
    expect(stats).toContain('"empty":["its source `town` contributed no candidate"]');
    const metrics = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
    expect(metrics).toMatch(/merlon_stage_empty\{[^}]*mergeCandidates[^}]*\} 1/);
    expect(Object.keys(await minute("Ghent", 20)).filter(name => name.startsWith("empty."))).toEqual([]);
  } finally {
    await server.stop();
  }
}, 60_000);
