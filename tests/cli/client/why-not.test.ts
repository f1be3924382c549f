// `merlon client infer --why-not`: the sources that found an item, and the step that dropped it.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import { serve } from "#runtime/server/index.js";
import { MERLON } from "../../needs/built.js";
import { contractRepository } from "../../runtime/client/contract-models.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-why-not-"));
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  const file = join(folder, "shop.ensemble.ts");
  writeFileSync(
    file,
    `import { ensemble, explode, filterCandidates, mergeCandidates, source } from "merlon";
const request = source({ near: "list<int64>", popular: "list<int64>", seen: "list<int64>" });
const near = request["near"] >> explode();
const popular = request["popular"] >> explode();
const merged = near >> mergeCandidates(popular, { names: ["near", "popular"], topk: 4 });
export default ensemble("shop", merged["candidate_ids"] >> filterCandidates(request["seen"]));
`,
  );
  const made = await compile(file);
  if (!made.ok) throw new Error(printDiagnostics(made.diagnostics, { color: false }));
  const models = contractRepository(join(folder, "models"), ["two"]);
  build(made, models);
  const loopback = { port: 0, address: "127.0.0.1" };
  server = await serve({
    modelRepositories: [models],
    ...{ http: false, grpc: loopback, metrics: false, writeLog: () => {} },
  } as Parameters<typeof serve>[0]);
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const whyNot = (item: string, model = "shop", words = ["near=[[1,2,3]]", "popular=[[3,4,5,6]]", "seen=[[2]]"]) =>
  new Promise<{ out: string; err: string }>(resolve => {
    const url = `grpc://127.0.0.1:${server.ports.grpc}`;
    const args = [MERLON, "client", "infer", model, ...words, "--why-not", item, "--url", url];
    execFile(process.execPath, args, (_, out, err) => resolve({ out, err }));
  });

test("an item that a step dropped, one of the response, and one that no source found", async () => {
  const dropped = await whyNot("2");
  expect(dropped.err).toBe("");
  expect(dropped.out).toMatch(
    /why not "2"\n {2}row 0: "2" was dropped by \S*filterCandidates\S*\n {4}near\S* found it as 2 of 3\n {4}popular\S* found 4 others, and not this item\n$/,
  );
  // Sources take turns, so the last of four belong to both.
  expect((await whyNot("6")).out).toMatch(
    /"6" was dropped by \S*mergeCandidates\S*\n.* found 3 others.*\n.* found it as 4 of 4\n/,
  );
  expect((await whyNot("3")).out).toMatch(
    /row 0: "3" (was kept by all steps|is in the response, at place \d)\n.* found it as 3 of 3\n.* found it as 1 of 4\n/,
  );
  expect((await whyNot("99")).out).toMatch(
    /row 0: "99" was found by no source\n.* found 3 others, and not this item\n.* found 4 others, and not this item\n/,
  );
});
