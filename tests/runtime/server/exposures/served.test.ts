// The exposure log of served requests: every fixed column, kept columns of each row set, sources, seeds and propensities.
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { EXPOSURE_COLUMNS } from "#contract/exposures.js";
import { drawPropensities } from "#operators/shared/kernel/draw-propensities.js";
import type { DrawRule } from "#operators/shared/spec/facts.js";
import { connect } from "#runtime/client/index.js";
import { startServer } from "../support.js";
import { filesIn, loggedRepository, requestOf, rowsOf, scoreOf, TEMPERATURE } from "./logged-ensemble.js";

const folderOf = () => mkdtempSync(join(tmpdir(), "merlon-exposures-"));
const USERS = [
  { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] },
  { user: 2, country: "fr", ids: [11, 12, 13, 14, 15, 16], popular: [17, 11] },
  { user: 2 ** 53 - 1, country: 'it\'s "ü"', ids: [21, 22, 23, 24, 25, 26], popular: [27, 28] },
];

interface Row extends Record<string, unknown> {
  readonly request_id: string;
  readonly request_row: number;
  readonly item: bigint;
  readonly position: number | null;
  readonly score: number;
  readonly propensity: number | null;
  readonly list_propensity: number;
  readonly seed: bigint;
  readonly sources: readonly string[];
}

/** Serves requests, stops the server, and reads all that it logged. */
async function logged(
  repository: string,
  run: (server: Awaited<ReturnType<typeof startServer>>) => Promise<void>,
  options: object = {},
): Promise<Row[]> {
  const folder = folderOf();
  const server = await startServer(repository, { exposures: { folder, ...options } });
  try {
    await run(server);
  } finally {
    await server.stop();
  }
  expect(server.log.join("")).not.toMatch(/exposures\.ts|logging exposures/);
  if (filesIn(folder).length === 0) return [];
  return (await rowsOf(
    `FROM '${folder}/*/*.parquet' ORDER BY time, request_id, request_row, position NULLS LAST, item`,
  )) as Row[];
}

const itemsOf = (row: number): number[] => [...new Set([...USERS[row]!.ids, ...USERS[row]!.popular])];

/** The probability of a drawn list by the formula of Plackett and Luce, position by position. */
function chancesOf(all: readonly number[], list: readonly number[]): number[] {
  const left = new Set(all);
  return list.map(item => {
    const weight = (one: number) => Math.exp(TEMPERATURE * scoreOf(one));
    const total = [...left].reduce((sum, one) => sum + weight(one), 0);
    left.delete(item);
    return weight(item) / total;
  });
}

const inputs = {
  user_id: [[1n]],
  country: [["de"]],
  ids: [USERS[0]!.ids.map(BigInt)],
  popular: [USERS[0]!.popular.map(BigInt)],
};

let repository: string;
beforeAll(async () => {
  repository = await loggedRepository();
}, 60_000);

test("three rows of a request with an id and a seed", { timeout: 60_000 }, async () => {
  const before = Date.now();
  let shown: number[] = [];
  const rows = await logged(repository, async server => {
    const { body } = await server.post(
      "/v2/models/logged/infer",
      requestOf(USERS, { id: "r-1", parameters: { seed: 7 } }),
    );
    shown = (body as { outputs: { data: number[] }[] }).outputs[0]!.data;
  });
  const plan = createHash("sha256")
    .update(readFileSync(join(repository, "logged", "1", "plan.json")))
    .digest("hex");
  for (const row of rows) {
    expect(Object.keys(row)).toEqual([
      ...EXPOSURE_COLUMNS.map(({ name }) => name),
      ...["user_id", "country", "tenfold", "nearest_id", "ids"],
    ]);
    expect(row).toMatchObject({
      request_id: "r-1",
      model: "logged",
      version: 1n,
      plan: plan.slice(0, 16),
      arm: null,
      seed: 7n,
      log_rate: 1,
      artefacts: null,
    });
    expect((row.time as Date).getTime()).toBeGreaterThanOrEqual(before);
  }
  for (const [r, user] of USERS.entries()) {
    const own = rows.filter(row => row.request_row === r);
    const list = own.filter(row => row.position !== null);
    const items = list.map(({ item }) => Number(item));
    expect(items).toEqual(shown.slice(3 * r, 3 * r + 3));
    expect(list.map(({ position }) => position)).toEqual([1, 2, 3]);
    expect(own.map(({ item }) => Number(item)).sort((a, b) => a - b)).toEqual(itemsOf(r).sort((a, b) => a - b));
    const chances = chancesOf(itemsOf(r), items);
    for (const [i, row] of list.entries()) expect(row.propensity).toBeCloseTo(chances[i]!, 12);
    for (const row of own) {
      const item = Number(row.item);
      expect(row.list_propensity).toBeCloseTo(
        chances.reduce((a, b) => a * b),
        12,
      );
      expect(row.score).toBe(scoreOf(item));
      if (row.position === null) expect(row.propensity).toBeNull();
      expect(row).toMatchObject({
        user_id: BigInt(user.user),
        country: user.country ?? "de",
        tenfold: BigInt(item * 10),
        nearest_id: user.ids.includes(item) ? BigInt(item) : null,
        ids: user.ids.map(BigInt),
        sources: [
          ...(user.ids.includes(item) ? ["nearest.explode"] : []),
          ...(user.popular.includes(item) ? ["popular.explode"] : []),
        ],
      });
    }
  }
});

test("over gRPC: ids that the server makes are unique, and the drawn seed repeats the list", {
  timeout: 60_000,
}, async () => {
  let again: bigint[] = [];
  const rows = await logged(repository, async server => {
    const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
    for (let i = 0; i < 3; i++) await client.infer("logged", inputs);
    await client.infer("logged", inputs, { requestId: "named" });
    await client.close();
  });
  const ids = [...new Set(rows.map(({ request_id }) => request_id))];
  expect(ids).toHaveLength(4);
  expect(ids).toContain("named");
  const seeds = new Set(rows.map(({ seed }) => seed));
  expect(seeds.size).toBe(4);
  const one = rows.filter(({ request_id }) => request_id === "named");
  const list = one.filter(({ position }) => position !== null).map(({ item }) => item);
  await logged(repository, async server => {
    const client = await connect(`grpc://127.0.0.1:${server.ports.grpc}`);
    const answer = await client.infer("logged", inputs, { parameters: { seed: one[0]!.seed } });
    again = [...(answer.ordered_ids!.data as BigInt64Array)];
    await client.close();
  });
  expect(again).toEqual(list);
});

test("requests that share a run are logged each for itself", { timeout: 60_000 }, async () => {
  const count = 24;
  const batching = await loggedRepository({ options: "dynamicBatching: { maxQueueDelayMicroseconds: 100_000 }" });
  const rows = await logged(batching, async server => {
    const answers = await Promise.all(
      Array.from({ length: count }, (_, i) =>
        server.post("/v2/models/logged/infer", requestOf([USERS[i % 3]!, USERS[(i + 1) % 3]!], { id: `b-${i}` })),
      ),
    );
    expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body)).toEqual([]);
  });
  for (let i = 0; i < count; i++) {
    const own = rows.filter(({ request_id }) => request_id === `b-${i}`);
    for (const r of [0, 1]) {
      const list = own.filter(row => row.request_row === r);
      expect(list.map(({ item }) => Number(item)).sort((a, b) => a - b)).toEqual(
        itemsOf((i + r) % 3).sort((a, b) => a - b),
      );
      expect(list[0]!.user_id).toBe(BigInt(USERS[(i + r) % 3]!.user));
    }
  }
});

test.each<[string, DrawRule]>([
  ["epsilonGreedy(score, { topk: 3, epsilon: 0.4 })", { uniform: { epsilon: 0.4, least: 0, per: "position" } }],
  [
    'epsilonGreedy(score, { topk: 3, epsilon: 0.4, per: "list" })',
    { uniform: { epsilon: 0.4, least: 0, per: "list" } },
  ],
  [
    "softmaxSampling(score, { topk: 3, temperature: 2, minPropensity: 0.1 })",
    { temperature: 2, uniform: { epsilon: 0, least: 0.1, per: "position" } },
  ],
])("%s is logged with its probabilities", { timeout: 60_000 }, async (ordering, rule) => {
  const repository = await loggedRepository({ ordering });
  const rows = await logged(repository, async server => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const request = requestOf(USERS.slice(0, 1), { id: `r-${seed}`, parameters: { seed } });
      expect((await server.post("/v2/models/logged/infer", request)).status).toBe(200);
    }
  });
  const requests = [...new Set(rows.map(({ request_id: id }) => id))];
  expect(requests).toHaveLength(5);
  const all = itemsOf(0);
  const scores = Float64Array.from(all, scoreOf);
  for (const id of requests) {
    const shown = rows.filter(row => row.request_id === id && row.position !== null);
    const out = new Float64Array(3);
    const places = shown.map(({ item }) => all.indexOf(Number(item)));
    const log = drawPropensities(rule, scores, all.length, places, out);
    expect(shown.map(({ propensity }) => propensity)).toEqual([...out].map(p => expect.closeTo(p, 12)));
    expect(shown[0]!.list_propensity).toBeCloseTo(Math.exp(log), 12);
  }
});

test("hashes are HMAC-SHA-256 of the decimal text or of UTF-8; dropped columns are not there", {
  timeout: 60_000,
}, async () => {
  const personal = '{ user_id: "hash", country: "hash", popular: "hash", tenfold: "drop" }';
  const columns = '[request[["user_id", "country", "popular"]], pairs["tenfold"]]';
  const repository = await loggedRepository({ log: `{ columns: ${columns}, personal: ${personal} }` });
  await expect(startServer(repository, { exposures: { folder: folderOf() } })).rejects.toThrow(/failed to load/);
  const saltFile = join(folderOf(), "salt");
  writeFileSync(saltFile, "0123456789abcdef\n");
  const rows = await logged(
    repository,
    async server => void (await server.post("/v2/models/logged/infer", requestOf(USERS.slice(1, 3)))),
    { saltFile },
  );
  const hash = (text: string) => createHmac("sha256", "0123456789abcdef").update(text).digest("hex").slice(0, 32);
  expect(rows).toHaveLength(6);
  for (const row of rows) {
    const user = USERS[row.request_row + 1]!;
    expect(row).toMatchObject({
      user_id: hash(String(user.user)),
      country: hash(user.country!),
      popular: user.popular.map(item => hash(String(item))),
    });
    expect(row).not.toHaveProperty("tenfold");
  }
});
