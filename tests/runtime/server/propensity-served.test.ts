// A program with propensities, in both layouts, over gRPC: the formula for the request's candidates, and a batch like its rows one by one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build } from "#compiler/index.js";
import { exactDraw } from "#contract/exact-draw.js";
import { propensities } from "#operators/shared/kernel/plackett-luce.js";
import { connect } from "#runtime/client/index.js";
import { serve } from "#runtime/server/index.js";
import { compiledProgram } from "../../compiler/5-emit/onnx/both-servers.js";

const TEMPERATURE = 1.5;
const PROGRAM = `import { ensemble, explode, softmaxSampling, source } from "merlon";
const request = source({ ids: "list<int64>", scores: "list<float64>" });
const found = request["ids"] >> explode({ with: request["scores"] });
export default ensemble("explore", found["candidate_ids"] >> softmaxSampling(found["scores"], { topk: 3, temperature: ${TEMPERATURE}, propensity: true }));
`;
const folder = mkdtempSync(join(tmpdir(), "merlon-propensity-"));
const closers: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
  rmSync(folder, { recursive: true, force: true });
});

interface User {
  readonly ids: readonly number[];
  readonly scores: readonly number[];
}
const USERS: readonly User[] = [
  { ids: [11, 12, 13, 14, 15], scores: [0.1, 2, -1, 700, 0.5] },
  { ids: [], scores: [] },
  { ids: [21, 22], scores: [Number.NEGATIVE_INFINITY, 3] },
  { ids: [31, 32, 33, 34], scores: [1e6, 1e6 - 1, 1e6, -1e6] },
];

const PAIRS = ["ordered_ids", "propensity", "list_propensity"] as const;

test.each(["executor", "ensemble"] as const)(
  "layout %s",
  async layout => {
    const file = join(folder, "explore.ensemble.ts");
    writeFileSync(file, PROGRAM);
    const program = await compiledProgram(file);
    const draw = exactDraw(program.plan);
    expect(draw).toMatchObject({ exact: true, temperature: TEMPERATURE, columns: { propensity: "propensity" } });
    build(program, join(folder, layout), { layout });
    const server = await serve({
      modelRepositories: [join(folder, layout)],
      http: false,
      grpc: { port: 0, address: "127.0.0.1" },
      metrics: false,
      writeLog: () => {},
    });
    closers.push(() => server.stop());
    const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
    closers.push(() => client.close());

    const ask = async (users: readonly User[], seed: number) => {
      const offsets = [0];
      for (const { ids } of users) offsets.push(offsets.at(-1)! + ids.length);
      const answer = (await client.infer(
        "explore",
        {
          ids__values: users.flatMap(user => user.ids.map(BigInt)),
          ids__offsets: offsets,
          scores__values: users.flatMap(user => user.scores),
          scores__offsets: offsets,
        },
        { parameters: { seed } },
      )) as Readonly<Record<string, { readonly data: ArrayLike<number | bigint> }>>;
      const lists = (name: string): number[][] => {
        const ends = Array.from(answer[`${name}__offsets`]!.data, Number);
        const values = Array.from(answer[`${name}__values`]!.data, Number);
        return ends.slice(1).map((end, i) => values.slice(ends[i], end));
      };
      const [ids, each, list] = PAIRS.map(lists) as [number[][], number[][], number[][]];
      return users.map((_, i) => ({ ids: ids[i]!, each: each[i]!, list: list[i]! }));
    };

    for (let seed = 0; seed < 20; seed++) {
      const batch = await ask(USERS, seed);
      for (const [i, { ids, scores }] of USERS.entries()) {
        const { ids: shown, each, list } = batch[i]!;
        expect(await ask([USERS[i]!], seed)).toEqual([batch[i]]);
        const out = new Float64Array(shown.length);
        const places = shown.map(id => ids.indexOf(id));
        const log = propensities(Float64Array.from(scores), scores.length, places, TEMPERATURE, out);
        expect({ each, list }).toEqual({ each: [...out], list: shown.map(() => Math.exp(log)) });
      }
    }
  },
  60_000,
);
