// A branch that runs beside responses, with real servers: the same responses, and the comparison in metrics and statistics.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { build, compile } from "#compiler/index.js";
import { rowsOf } from "./exposures/logged-ensemble.js";
import { startServer } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-shadow-"));
const repository = join(folder, "repository");
const PROGRAM = `import { ensemble, explode, shadow, source, split, topK } from "merlon";
const request = source({ user_id: "int64", ids: "list<int64>", scores: "list<float32>", other_ids: "list<int64>", other_scores: "list<float32>" });
const found = request["ids"] >> explode({ name: "id", with: request["scores"] });
const others = request["other_ids"] >> explode({ name: "id", with: request["other_scores"] });
const current = found["id"] >> topK(found["scores"], { topk: 3 });
const ranked = others["id"] >> topK(others["other_scores"], { topk: 3 });
const candidate = request["user_id"] >> split({ ranked, current });
export default ensemble("beside", current >> shadow(candidate, { within: 30_000, inFlight: 64 }), {
  log: { columns: [request["user_id"]] },
});
`;

beforeAll(async () => {
  writeFileSync(join(folder, "beside.ensemble.ts"), PROGRAM);
  const compiled = await compile(join(folder, "beside.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  build(compiled, repository);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Pairs = readonly (readonly [id: number, score: number | null])[];

/** One row: candidates of the response, and those of the candidate branch. */
const requestOf = (main: Pairs, other: Pairs, parameters: Readonly<Record<string, unknown>> = {}) => {
  const lists = (name: string, datatype: string, data: readonly (number | null)[]) => [
    { name: `${name}__values`, datatype, shape: [data.length], data },
    { name: `${name}__offsets`, datatype: "INT32", shape: [2], data: [0, data.length] },
  ];
  return {
    parameters: { "arm.candidate.split": "ranked", ...parameters },
    inputs: [
      { name: "user_id", datatype: "INT64", shape: [1], data: [7] },
      ...lists(
        "ids",
        "INT64",
        main.map(([id]) => id),
      ),
      ...lists(
        "scores",
        "FP32",
        main.map(([, score]) => score),
      ),
      ...lists(
        "other_ids",
        "INT64",
        other.map(([id]) => id),
      ),
      ...lists(
        "other_scores",
        "FP32",
        other.map(([, score]) => score),
      ),
    ],
  };
};

const MAIN: Pairs = [
  [1, 0.5],
  [2, 0.75],
  [3, 0.25],
  [4, 0.125],
];
/** Two of the first three are those of the response, each with a score that is 0.25 less. */
const OTHER: Pairs = [
  [2, 0.5],
  [9, 0.375],
  [1, 0.25],
];
const PATH = "/v2/models/beside/infer";

/** Values of the shadow's metrics, by name and result. */
async function metrics(port: number): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = [...text.matchAll(/^merlon_stage_shadow_(\w+?)(?:_total)?\{(.*)\} (\S+)$/gm)];
  return Object.fromEntries(
    lines.map(([, name, labels, value]) => [
      `${name} ${/result="(\w+)"/.exec(labels!)?.[1] ?? ""}`.trim(),
      Number(value),
    ]),
  );
}

describe("a server", () => {
  test("answers as without the branch, and counts what differs", async () => {
    const exposures = join(folder, "exposures");
    const server = await startServer(repository, { exposures: { folder: exposures, backpressure: "drop" } });
    const ask = (body: unknown) => server.json(PATH, { method: "POST", body: JSON.stringify(body) });
    const ids = async (body: unknown) => {
      const { body: answer } = await ask(body);
      const { outputs, parameters } = answer as { outputs: { name: string; data: number[] }[]; parameters?: object };
      return [outputs.find(({ name }) => name.startsWith("ordered_ids__values"))!.data, parameters];
    };
    // The arm of a split in the branch is not the response's.
    expect(await ids(requestOf(MAIN, OTHER))).toEqual([[2, 1, 3], undefined]);
    const skipped = async () => {
      const found = await metrics(server.ports.metrics!);
      return { compared: found["runs compared"]!, skipped: found["runs skipped_busy"]! };
    };
    // One that the event loop was too late for is sent again.
    for (let sent = 1; (await skipped()).compared === 0 && sent < 50; sent++) {
      await vi.waitFor(async () => {
        const { compared, skipped: left } = await skipped();
        expect(compared + left).toBe(sent);
      });
      if ((await skipped()).compared === 0) await ask(requestOf(MAIN, OTHER));
    }
    expect(await metrics(server.ports.metrics!)).toMatchObject({
      "runs compared": 1,
      "runs failed": 0,
      "lists different": 1,
      "lists equal": 0,
      overlap: 2 / 3,
      scores: 2,
      score_difference: 0.5,
    });
    // A fault of the branch: no arm has that name.
    await vi.waitFor(async () => {
      expect(await ids(requestOf(MAIN, OTHER, { "arm.candidate.split": "nobody" }))).toEqual([[2, 1, 3], undefined]);
      expect((await metrics(server.ports.metrics!))["runs failed"]).toBeGreaterThan(0);
    }, 20_000);
    await vi.waitFor(() =>
      expect(server.log.join("")).toMatch(/'beside': shadow `.*shadow` failed, .*responses do not/),
    );
    // Reports are of the response's branch.
    const explained = JSON.stringify((await ask(requestOf(MAIN, OTHER, { explain: true, timings: true }))).body);
    expect(explained).toContain("timing.current.topK");
    expect(explained).not.toContain("ranked");
    await server.stop();
    expect(
      await rowsOf(`SELECT DISTINCT arm, item::INT AS item FROM '${exposures}/beside/*.parquet' ORDER BY 2`),
    ).toEqual([1, 2, 3].map(item => ({ arm: null, item })));
  });

  test("logs the lists that differ, beside the log of the model", async () => {
    const exposures = join(folder, "differences");
    const server = await startServer(repository, { exposures: { folder: exposures } });
    const compared = async () => (await metrics(server.ports.metrics!))["runs compared"]!;
    const offered = async () => {
      const found = await metrics(server.ports.metrics!);
      return found["runs compared"]! + found["runs skipped_busy"]! + found["runs skipped_in_flight"]!;
    };
    /** Sends until one is compared: the event loop may be too late for it. */
    const send = async (body: object, id: string) => {
      const before = await compared();
      for (let i = 0; (await compared()) === before; i++) {
        expect(i).toBeLessThan(50);
        const start = await offered();
        await server.post(PATH, { ...body, id: `${id}-${i}` });
        await vi.waitFor(async () => expect(await offered()).toBe(start + 1), 10_000);
      }
    };
    await send(requestOf(MAIN, OTHER), "other");
    await send(requestOf(MAIN, MAIN), "same");
    await send(requestOf(MAIN, []), "empty");
    await server.stop();
    expect(server.log.join("")).not.toMatch(/logging a shadow|exposures cannot/);
    const columns = "position, item::INT AS item, shadow_position, shadow_score, response_score";
    const rows = (like: string) =>
      rowsOf(
        `SELECT ${columns} FROM '${exposures}/beside.shadow/*.parquet' WHERE request_id LIKE '${like}%' ORDER BY position NULLS LAST, shadow_position`,
      );
    const of = (position: number | null, item: number, ...rest: readonly (number | null)[]) => {
      const [shadow_position, shadow_score, response_score] = rest;
      return { position, item, shadow_position, shadow_score, response_score };
    };
    expect(await rows("other")).toEqual([
      of(1, 2, 1, 0.5, 0.75),
      of(2, 1, 3, 0.25, 0.5),
      of(3, 3, null, null, 0.25),
      of(null, 9, 2, 0.375, null),
    ]);
    expect(await rows("empty")).toEqual([
      of(1, 2, null, null, 0.75),
      of(2, 1, null, null, 0.5),
      of(3, 3, null, null, 0.25),
    ]);
    expect(await rows("same")).toEqual([]);
    const [fixed] = await rowsOf(
      `SELECT DISTINCT s.model, s.arm, s.score, s.propensity, s.log_rate, s.plan = m.plan AS one_plan FROM '${exposures}/beside.shadow/*.parquet' s JOIN '${exposures}/beside/*.parquet' m USING (request_id, request_row, item) WHERE request_id LIKE 'other%'`,
    );
    expect(fixed).toMatchObject({ model: "beside.shadow", score: null, propensity: null, log_rate: 1, one_plan: true });
    expect(fixed!.arm).toMatch(/shadow$/);
  });
});
