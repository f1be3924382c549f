/**
 * A request that is forwarded during a load runs in the versions that it met where it arrived. The other worker has versions of the same files, whether it is
 * ahead or behind.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashText, homeOf } from "#runtime/server/peers/homes.js";
import { repository } from "../support.js";
import { startLinked, stopAll, type Worker } from "./linked.js";

/** A name whose model has its home, as a queue that exists once, at worker 1. */
const atOther = (prefix: string, taken = ""): string => {
  for (let i = 0; ; i++) {
    const name = `${prefix}${i}`;
    if (name !== taken && homeOf(hashText(`\0${name}\0${1}`), [0, 1]) === 1) return name;
  }
};
const [MEMBER, OUTER] = [atOther("member"), atOther("outer")];
const int32 = (name: string): string => `{ name: "${name}" data_type: TYPE_INT32 dims: [ 1 ] }`;
const config = (name: string, rest: string): string =>
  `name: "${name}" max_batch_size: 1 input [ ${int32("IN")} ] output [ ${int32("OUT")} ] ${rest}`;
const HOMED = "dynamic_batching { default_queue_policy { max_queue_size: 64 } }";
const answering = (code: string): string =>
  `import { existsSync, writeFileSync } from "node:fs";
export const execute = async requests => { ${code} };`;
const number = (value: number): string =>
  answering(
    `return requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1, 1], data: [${value}] }] }));`,
  );
const step = (name: string, from: string, to: string): string =>
  `{ model_name: "${name}" model_version: -1 input_map { key: "IN" value: "${from}" } output_map { key: "OUT" value: "${to}" } }`;
const ensemble = (name: string, steps: readonly string[], rest = ""): string =>
  `${config(name, rest)} platform: "ensemble" ensemble_scheduling { step [ ${steps.join(", ")} ] }`;

let workers: readonly Worker[] = [];
let marks: string;
let folder: string;
beforeEach(async () => {
  marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  // Waits in the request until the test lets it go on.
  const gate = `writeFileSync(${JSON.stringify(join(marks, "begun"))}, "");
    while (!existsSync(${JSON.stringify(join(marks, "go"))})) await new Promise(next => setTimeout(next, 5));
    return requests.map(({ inputs }) => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1, 1], data: [1] }] }));`;
  const javascript = (name: string, code: string, rest = ""): Readonly<Record<string, string>> => ({
    [`${name}/config.pbtxt`]: config(name, `backend: "javascript" ${rest}`),
    [`${name}/1/model.mjs`]: code,
  });
  folder = repository([], {
    ...javascript("gate", answering(gate)),
    ...javascript(MEMBER, number(1), HOMED),
    "plan/config.pbtxt": ensemble("plan", [step("gate", "IN", "G"), step(MEMBER, "G", "OUT")]),
    "plan/1/.keep": "",
    // Homed at worker 1 as a whole, and there it calls the gate and then the member.
    [`${OUTER}/config.pbtxt`]: ensemble(OUTER, [step("plan", "IN", "OUT")]).replace(
      "ensemble_scheduling {",
      "ensemble_scheduling { max_inflight_requests: 8",
    ),
    [`${OUTER}/1/.keep`]: "",
    "twice/config.pbtxt": ensemble("twice", [step("gate", "IN", "G"), step(OUTER, "G", "OUT")]),
    "twice/1/.keep": "",
  });
  workers = await startLinked(folder, 2, { modelControlMode: "explicit", loadModels: ["*"] }, { balance: "off" });
});
afterEach(async () => {
  writeFileSync(join(marks, "go"), "");
  await stopAll(workers);
  rmSync(marks, { recursive: true });
});

const ask = (model: string) =>
  workers[0]!.post(`/v2/models/${model}/infer`, {
    inputs: [{ name: "IN", shape: [1, 1], datatype: "INT32", data: [0] }],
  }) as Promise<{ status: number; body: { error?: string; outputs?: { data: number[] }[] } }>;
const load = async (worker: number): Promise<void> => {
  expect((await workers[worker]!.post(`/v2/repository/models/${MEMBER}/load`, {})).status).toBe(200);
};
const change = (value: number): void => writeFileSync(join(folder, MEMBER, "1/model.mjs"), number(value));
const answerOf = ({ status, body }: Awaited<ReturnType<typeof ask>>) => [
  status,
  body.outputs?.[0]?.data[0] ?? body.error,
];
/** A request to this model waits in worker 0, or 1, with the versions of now. */
async function admitted(model: string): Promise<{ readonly answer: ReturnType<typeof ask>; letGo(): void }> {
  const answer = ask(model);
  await expect.poll(() => existsSync(join(marks, "begun")), { timeout: 20_000 }).toBe(true);
  return { answer, letGo: () => writeFileSync(join(marks, "go"), "") };
}

test("a member's old version answers at the other worker, which has the new one already", async () => {
  const { answer, letGo } = await admitted("plan");
  change(22);
  await load(1);
  letGo();
  expect(answerOf(await answer)).toEqual([200, 1]);
  expect(workers[0]!.peers!.counts.homed).toBe(1);
});

test("a worker that is behind refuses a newer version with a status that may be retried", async () => {
  change(22);
  await load(0);
  const { answer, letGo } = await admitted("plan");
  letGo();
  const { status, body } = await answer;
  expect(status).toBe(503);
  expect(body.error).toMatch(new RegExp(`version 1 of model '${MEMBER}' is not .* send the request again`));
  await load(1);
  expect(answerOf(await ask("plan"))).toEqual([200, 22]);
});
