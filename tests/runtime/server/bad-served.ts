/**
 * A served plan of four stages and its messages about bad input over both protocols.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Plan } from "#contract/plan.js";
import { type ModelConfigInit, printModelConfig } from "#triton-protos/model-config.js";
import { grpcClient } from "../../reliability/support.js";
import { recommend, recommendConfig, versionFolder } from "./served-plan.js";
import { startServer } from "./support.js";

/** A model in JavaScript in the place of the ranker: what it answers is up to `body`, given `item`, `age` and `score = (item mod 7 + age) / 10`. */
export const ranker = (
  body = "",
): string => `export const execute = requests => requests.map(({ inputs: { item, age } }) => {
  let data = Float32Array.from(item.data, (id, i) => (Number(id % 7n) + age.data[i]) / 10);
  let shape = [data.length, 1];
  ${body}
  return { outputs: [{ name: "score", datatype: "FP32", shape, data }] };
});`;
const rankConfig: ModelConfigInit = {
  name: "rank",
  backend: "javascript",
  max_batch_size: 0,
  input: [
    { name: "item", data_type: "TYPE_INT64", dims: [-1] },
    { name: "age", data_type: "TYPE_FP32", dims: [-1, 1] },
  ],
  output: [{ name: "score", data_type: "TYPE_FP32", dims: [-1, 1] }],
};

/** A plan with other parameters of one step. */
export const change =
  (id: string, params: object) =>
  (plan: Plan): Plan => ({
    ...plan,
    steps: plan.steps.map(step =>
      step.id === id ? ({ ...step, params: { ...step.params, ...params } } as typeof step) : step,
    ),
  });

export interface Bad {
  readonly plan?: (plan: Plan) => Plan;
  /** Does something to the version folder before it is served. */
  readonly folder?: (folder: string) => void;
  readonly rank?: string;
}

/** Writes the folder of `recommend`, version 1. */
function writeVersion(repository: string, { plan = same => same, folder = () => {} }: Bad): void {
  const made = versionFolder(plan(recommend("greedy")));
  folder(made);
  const place = join(repository, "recommend", "1");
  rmSync(place, { recursive: true, force: true });
  renameSync(made, place);
}

function badRepository(bad: Bad): string {
  const repository = mkdtempSync(join(tmpdir(), "merlon-bad-"));
  const models = [
    [{ ...recommendConfig, dynamic_batching: { max_queue_delay_microseconds: 20_000 } }, "recommend"],
    [rankConfig, "rank"],
  ] as const;
  for (const [model, name] of models) {
    mkdirSync(join(repository, name, "1"), { recursive: true });
    writeFileSync(join(repository, name, "config.pbtxt"), printModelConfig(model));
  }
  writeVersion(repository, bad);
  writeFileSync(join(repository, "rank", "1", "model.mjs"), bad.rank ?? ranker());
  return repository;
}

export interface Ask {
  readonly users?: readonly number[];
  readonly queries?: readonly (readonly number[])[];
  readonly type?: string;
}
const QUERY = [1, 0.5, -0.5, 0.25];

export type BadServer = Awaited<ReturnType<typeof startBad>>;

/** A server of `recommend` and `rank`, called over both protocols. */
export async function startBad(bad: Bad) {
  const repository = badRepository(bad);
  const server = await startServer(repository, { modelControlMode: "explicit", loadModels: ["rank"] });
  const rpc = grpcClient(server.ports.grpc!);
  const load = () => server.post("/v2/repository/models/recommend/load", {});
  const loaded = await load();
  const body = ({ users = [1], queries = users.map(() => QUERY), type = "INT64" }: Ask): string =>
    JSON.stringify({
      inputs: [
        { name: "user_id", shape: [users.length, 1], datatype: type, data: users },
        { name: "query", shape: [users.length, 4], datatype: "FP32", data: queries.flat() },
      ],
    });
  /** The answer as text, since a number in it may be infinite. */
  const httpText = async (ask: Ask): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${server.http}/v2/models/recommend/infer`, { method: "POST", body: body(ask) });
    return { status: answer.status, text: await answer.text() };
  };
  const http = async (ask: Ask): Promise<{ status: number; body: unknown }> => {
    const { status, text } = await httpText(ask);
    return { status, body: JSON.parse(text) };
  };
  const overGrpc = ({ users = [1], queries = users.map(() => QUERY), type = "INT64" }: Ask, withinMs?: number) =>
    rpc.infer(
      {
        model_name: "recommend",
        inputs: [
          { name: "user_id", shape: [users.length, 1], datatype: type },
          { name: "query", shape: [users.length, 4], datatype: "FP32" },
        ],
        raw_input_contents: [
          new Uint8Array((type === "INT64" ? BigInt64Array.from(users, BigInt) : Float32Array.from(users)).buffer),
          new Uint8Array(Float32Array.from(queries.flat()).buffer),
        ],
      },
      withinMs,
    );
  return {
    ...{ loaded, load, http, httpText, overGrpc },
    folder: join(repository, "recommend", "1"),
    replace: (other: Bad): void => writeVersion(repository, other),
    /** Sends user 1 over both protocols. */
    async expectGood(): Promise<void> {
      expect((await overGrpc({})).code).toBe(0);
      expect(await http({})).toMatchObject({ status: 200, body: { outputs: [{ name: "age", data: [31] }, {}, {}] } });
    },
    stop: async (): Promise<void> => {
      rpc.close();
      await server.stop();
      rmSync(repository, { recursive: true, force: true });
    },
  };
}
