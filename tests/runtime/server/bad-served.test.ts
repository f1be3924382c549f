/**
 * Bad input of a served plan of four stages, over gRPC and HTTP. The message names step, column and row or file, and a fix. A good request
 * of the same batch is answered, and the server continues. Faults that can be found at the load are found there, so that a swap keeps the
 * serving model.
 */
import { copyFileSync, truncateSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { type Ask, type Bad, change, ranker, startBad } from "./bad-served.js";

const { IndexFlatL2 } = createRequire(import.meta.url)("faiss-node") as typeof import("faiss-node");

const inStore =
  (statement: string) =>
  (folder: string): void => {
    const db = new Database(join(folder, "features/data/online_store.db"));
    db.exec(statement);
    db.close();
  };
const cityForAge =
  "UPDATE shop_user_features SET value = (SELECT value FROM shop_user_features b WHERE b.feature_name = 'city' LIMIT 1) WHERE feature_name = 'age'";
const store = (folder: string): string => join(folder, "features/data/online_store.db");
const index = (folder: string): string => join(folder, "indexes/items.faiss");
function writeWiderIndex(folder: string): void {
  const made = new IndexFlatL2(8);
  made.add(Array.from({ length: 80 }, (_, i) => i));
  made.write(index(folder));
}

/** Faults of the load. */
const LOADS: readonly (readonly [what: string, Bad, message: RegExp])[] = [
  [
    "an index of another dimension",
    { folder: writeWiderIndex },
    /step `retrieval` \(queryFaiss\): \S+items\.faiss has vectors of 8 numbers, and column `query` holds float32\[4\]\. Build the index with the same tower/,
  ],
  [
    "an index that was cut",
    { folder: folder => truncateSync(index(folder), 500) },
    /step `retrieval` \(queryFaiss\): \S+items\.faiss is not a whole FAISS index: .* Write it again/,
  ],
  [
    "a view without its table",
    { folder: inStore("ALTER TABLE shop_user_features RENAME TO gone") },
    /step `user` \(queryFeast\): the online store \S+ has no table `shop_user_features` for the view `user_features`\. Run `feast materialize`/,
  ],
  [
    "a table without a column",
    { folder: inStore("ALTER TABLE shop_user_features RENAME COLUMN value TO val") },
    /step `user` \(queryFeast\): table `shop_user_features` .* has no column `value`/,
  ],
  [
    "a feature whose type changed",
    { folder: inStore(cityForAge) },
    /step `user` \(queryFeast\): feature `user_features:age` is int32 in the registry, and the store holds the string "\w+"\. Run `feast apply`/,
  ],
  [
    "a value that is none",
    { folder: inStore("UPDATE shop_user_features SET value = x'ff07' WHERE feature_name = 'age'") },
    /step `user` \(queryFeast\): feature `user_features:age` of user_id \d+ can not be read: .* Materialize the view again/,
  ],
  [
    "a registry that is none",
    { folder: folder => writeFileSync(join(folder, "features/data/registry.db"), "x") },
    /step `user` \(queryFeast\): \S+registry\.db is not a Feast registry: .* Point `registry` at/,
  ],
  [
    "a feature that the registry lacks",
    { plan: change("user", { features: { age: "ages", purchased_ids: "big", weights: "weights" } }) },
    /step `user` \(queryFeast\): view `user_features` has no feature `ages`; build the ensemble again/,
  ],
];

test.each(LOADS)("%s does not replace the serving model", async (_, bad, message) => {
  const server = await startBad({});
  try {
    server.replace(bad);
    const { status, body } = await server.load();
    expect({ status, body }).toEqual({ status: 400, body: { error: expect.stringMatching(message) } });
    await server.expectGood();
  } finally {
    await server.stop();
  }
});

/** Faults of a request: the input, the message, and the code over gRPC. */
const REQUESTS: readonly (readonly [what: string, Bad, Ask, code: number, message: RegExp])[] = [
  [
    "an unknown key that is an error",
    { plan: change("user", { onMissing: "error" }) },
    { users: [1, 999] },
    5,
    /step `user` \(queryFeast\): view `user_features` has no entity with user_id 999 \(column `user_id`, row 1\)\. Decide with `onMissing`/,
  ],
  [
    "a key of another type",
    {},
    { users: [1], type: "FP32" },
    3,
    /input 'user_id' data-type is 'FP32', but model 'recommend' expects 'INT64'/,
  ],
  [
    "a query that is not finite",
    {},
    {
      users: [1, 1],
      queries: [
        [1, 1, 1, 1],
        [1, Number.NaN, 0, 0],
      ],
    },
    3,
    /step `retrieval` \(queryFaiss\): column `query` holds NaN at row 1, place 1: .* Look at the tower's inputs for that row/,
  ],
  [
    "a query whose distances are no float32",
    {},
    { queries: [[1e38, 1e38, -1e38, 1e38]] },
    3,
    /step `retrieval` \(queryFaiss\): column `query` holds at row 0 a vector longer than 1\.00e\+18: float32 can not hold its distances/,
  ],
  [
    "a score that is NaN",
    { rank: ranker("data = data.map((score, i) => (age.data[i] === 0 ? NaN : score));") },
    { users: [1, 999] },
    3,
    /step `ordering` \(softmaxSampling\): column `score` has no score for candidate 0 \(`filtered_ids` \d+\) of row 1: it is NaN\. Look at the ranking model's inputs/,
  ],
  [
    "a model that answers fewer rows",
    { rank: ranker("if (age.data.includes(0)) { data = data.subarray(1); shape = [data.length, 1]; }") },
    { users: [999] },
    13,
    /step `ranking` \(predictOnnx\): model `rank` answered `score` with the shape \[7, 1\] for 8 rows of 1\. .* Export it with a variable batch dimension/,
  ],
  [
    "a model that answers another width",
    { rank: ranker("if (age.data.includes(0)) { data = new Float32Array(16); shape = [8, 2]; }") },
    { users: [999] },
    13,
    /step `ranking` \(predictOnnx\): model `rank` answered `score` with the shape \[8, 2\] for 8 rows of 1/,
  ],
  [
    "a model that answers text",
    {
      rank: ranker(
        "if (age.data.includes(0)) return { outputs: [{ name: 'score', datatype: 'BYTES', shape, data: Array.from(data, String) }] };",
      ),
    },
    { users: [999] },
    3,
    /step `ranking` \(predictOnnx\): output `score` of model `rank` is string, expected float32/,
  ],
  [
    "a model that answers nothing",
    { rank: ranker("if (age.data.includes(0)) return { outputs: [] };") },
    { users: [999] },
    13,
    /step `ranking` \(predictOnnx\): model `rank` did not answer `score`, which its configuration declares\. Serve a model that has the output/,
  ],
  [
    "a model that throws",
    { rank: ranker("if (age.data.includes(0)) throw new Error('no weights for age 0');") },
    { users: [999] },
    13,
    /step `ranking` \(predictOnnx\): .*no weights for age 0/,
  ],
];

test.each(REQUESTS)("%s", async (_, bad, ask, code, message) => {
  const server = await startBad(bad);
  try {
    expect(server.loaded.status).toBe(200);
    // Together they are one batch: the fault is one request's, and the other is answered.
    const [faulty, good] = await Promise.all([server.overGrpc(ask), server.overGrpc({})]);
    expect(faulty).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(good.code).toBe(0);
    const finite = (ask.queries ?? []).flat().every(Number.isFinite);
    const answers = await Promise.all([server.http(ask), server.http({})]);
    expect(answers[1]).toMatchObject({ status: 200 });
    expect(answers[0].status).toBeGreaterThanOrEqual(400);
    // JSON has no NaN.
    if (finite) expect(answers[0].body).toEqual({ error: expect.stringMatching(message) });
    await server.expectGood();
  } finally {
    await server.stop();
  }
});

/** Odd, and answered. */
const ANSWERS: readonly (readonly [what: string, Bad, Ask])[] = [
  ["k beyond the index", { plan: change("retrieval", { topk: 100_000 }) }, {}],
  ["a temperature of 0", { plan: change("ordering", { temperature: 0, mode: "sample" }) }, {}],
  ["a negative temperature", { plan: change("ordering", { temperature: -1, mode: "sample" }) }, {}],
  ["an infinite score", { rank: ranker("data[1] = Infinity;") }, {}],
  ["the same user three times", {}, { users: [1, 1, 1] }],
  [
    "a float64 score",
    {
      rank: ranker("return { outputs: [{ name: 'score', datatype: 'FP64', shape, data: Float64Array.from(data) }] };"),
    },
    {},
  ],
];

test.each(ANSWERS)("%s is answered", async (_, bad, ask) => {
  const server = await startBad(bad);
  try {
    expect((await server.overGrpc(ask)).code).toBe(0);
    expect((await server.httpText(ask)).status).toBe(200);
  } finally {
    await server.stop();
  }
});

// The first request finds it in the open file, and the next one when the file is opened again.
const LIVE: readonly (readonly [what: string, Bad, act: (folder: string) => void, message: RegExp])[] = [
  [
    "a store that was cut while it was read",
    { plan: change("user", { memoryMb: 0 }) },
    folder => truncateSync(store(folder), 5000),
    /step `user` \(queryFeast\): the online store \S+ can not be (?:read any more|opened): .*malformed\. Materialize it again/,
  ],
  [
    "a table that was dropped while it was read",
    { plan: change("user", { memoryMb: 0 }) },
    inStore("DROP TABLE shop_user_features"),
    /step `user` \(queryFeast\): the online store \S+ (?:can not be read any more: no such table: shop_user_features\. Materialize it again|has no table `shop_user_features` for the view `user_features`\. Run `feast materialize` for it)/,
  ],
  [
    "a feature whose type changed while it was read",
    { plan: change("user", { memoryMb: 0 }) },
    inStore(cityForAge),
    /step `user` \(queryFeast\): feature `user_features:age` is int32 in the registry, and the store holds the string/,
  ],
];

test.each(LIVE)("%s, and put back", async (_, bad, act, message) => {
  const server = await startBad(bad);
  try {
    await server.expectGood();
    copyFileSync(store(server.folder), `${store(server.folder)}.whole`);
    act(server.folder);
    expect(await server.overGrpc({})).toMatchObject({ message: expect.stringMatching(message) });
    expect((await server.http({})).body).toEqual({ error: expect.stringMatching(message) });
    copyFileSync(`${store(server.folder)}.whole`, store(server.folder));
    writeFileSync(join(server.folder, "touched"), "");
    expect((await server.load()).status).toBe(200);
    await server.expectGood();
  } finally {
    await server.stop();
  }
});

test("files that are held in memory may be cut: what was read is served on", async () => {
  const server = await startBad({});
  try {
    truncateSync(store(server.folder), 5000);
    truncateSync(index(server.folder), 500);
    await server.expectGood();
  } finally {
    await server.stop();
  }
});
