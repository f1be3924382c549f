/** An index with text ids from Parquet to answers: compiled in both layouts, served over both protocols, through every stage that takes candidates. */
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build, compile, LAYOUTS, printDiagnostics } from "#compiler/index.js";
import { MANIFEST_FILE, printManifest, readManifest } from "#formats/folders/manifest.js";
import type { CandidateStory } from "#runtime/engine/explain/explain-candidates.js";
import { buildIndex } from "#runtime/etl/index-build.js";
import { createTestServer, fakeFaiss } from "#runtime/testing/index.js";
import { decode } from "#triton-protos/proto-root.js";
import { MERLON } from "../../needs/built.js";
import { grpcClient } from "../../reliability/support.js";
import { writeParquet } from "../etl/table-values.js";
import { schemaOf } from "../etl/workflow-plan.js";
import { fixture } from "../stores/feast/every-type.js";
import { startServer } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-text-ids-"));
const closers: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Two of them are entities of the store; two look the same. */
const TEXTS = ["north", "süd", "", "日本🍣", "e\u0301", "\u00e9"];
/** No two of them are as near to a third. */
const angle = (i: number): number => 0.4 * i + 0.031 * i * i;
const vector = (i: number): number[] => [Math.fround(Math.cos(angle(i))), Math.fround(Math.sin(angle(i)))];
const PROGRAM = `import { ensemble, filterCandidates, queryFaiss, queryFeast, rename, softmaxSampling, source, topK, unrollFeatures } from "merlon";
const request = source({ query: "float32[2]", seen: "list<string>", hidden: "list<string>" });
const found = request["query"] >> queryFaiss("items.faiss", { topk: 5, includeDistances: true, exclude: request["hidden"] });
const allowed = found["candidate_ids"] >> filterCandidates(request["seen"]);
const items = allowed >> queryFeast("features", { view: "shops", entityColumn: "filtered_ids", includeId: true, onMissing: { default: 1 } });
const pairs = items >> unrollFeatures("shop", request["query"]);
const best = pairs["shop"] >> topK(pairs["rating"], { topk: 2 }) >> rename({ prefix: "best_" });
const drawn = pairs["shop"] >> softmaxSampling(pairs["rating"], { topk: 9 }) >> rename({ prefix: "drawn_" });
export default ensemble("texts", found["candidate_ids"] + best + drawn);
`;

const { Index } = createRequire(import.meta.url)("faiss-node") as {
  Index: { read(file: string): { search(query: number[], k: number): { labels: number[] } } };
};
const program = join(folder, "texts.ensemble.ts");

async function compiled() {
  const made = await compile(program);
  if (!made.ok) throw new Error(printDiagnostics(made.diagnostics));
  return made;
}

beforeAll(async () => {
  const data = join(folder, "e.parquet");
  const cells = { sku: TEXTS, e: TEXTS.map((_, i) => vector(i)) };
  await writeParquet(data, schemaOf({ sku: "string", e: "list<float32>" }), cells);
  await buildIndex(data, join(folder, "items.faiss"), { id: "sku", embedding: "e", textIds: true });
  cpSync(fixture("every-0.67-k3"), join(folder, "features"), { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(program, PROGRAM);
  const made = await compiled();
  for (const layout of LAYOUTS) build(made, join(folder, layout), { layout });
}, 60_000);

const USERS = [
  { query: vector(0), seen: ["e\u0301"], hidden: ["", "nowhere"] },
  { query: vector(3), seen: [], hidden: [] },
  { query: vector(1), seen: ["日本🍣", "", "\u00e9"], hidden: ["süd"] },
];
/** FAISS's results, past the hidden ids. */
const nearest = ({ query, hidden }: (typeof USERS)[number]): string[] =>
  Index.read(join(folder, "items.faiss"))
    .search(query, TEXTS.length)
    .labels.map(label => TEXTS[label]!)
    .filter(text => !hidden.includes(text))
    .slice(0, 5);
const RATINGS: Readonly<Record<string, number>> = { north: 4.5, süd: 3.5 };
const allowedOf = (user: (typeof USERS)[number]) => nearest(user).filter(text => !user.seen.includes(text));
const bestOf = (user: (typeof USERS)[number]) =>
  allowedOf(user)
    .toSorted((a, b) => (RATINGS[b] ?? 1) - (RATINGS[a] ?? 1))
    .slice(0, 2);

function offsetsOf(lists: readonly (readonly string[])[]): number[] {
  const offsets = [0];
  for (const list of lists) offsets.push(offsets.at(-1)! + list.length);
  return offsets;
}
const ragged = (name: "seen" | "hidden") => {
  const lists = USERS.map(user => user[name]);
  const offsets = offsetsOf(lists);
  return [
    { name: `${name}__values`, datatype: "BYTES", shape: [offsets.at(-1)!], data: lists.flat() },
    { name: `${name}__offsets`, datatype: "INT32", shape: [offsets.length], data: offsets },
  ];
};
const INPUTS = [
  { name: "query", datatype: "FP32", shape: [USERS.length, 2], data: USERS.flatMap(user => user.query) },
  ...ragged("seen"),
  ...ragged("hidden"),
];
const packedTexts = (texts: readonly string[]): Buffer =>
  Buffer.concat(
    texts.map(text => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return Buffer.concat([length, bytes]);
    }),
  );
const raw = ({ datatype, data }: { readonly datatype: string; readonly data: readonly unknown[] }): Uint8Array =>
  datatype === "BYTES"
    ? packedTexts(data as string[])
    : new Uint8Array(
        (datatype === "FP32" ? Float32Array.from(data as number[]) : Int32Array.from(data as number[])).buffer,
      );
function unpackedTexts(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    texts.push(bytes.toString("utf8", at + 4, end));
    at = end;
  }
  return texts;
}

interface Answer {
  readonly texts: (name: string) => string[][];
  readonly parameters: Readonly<Record<string, unknown>>;
}
type Values = ReadonlyMap<string, { readonly datatype: string; readonly data: readonly unknown[] }>;
const answerOf = (values: Values, parameters: Answer["parameters"] = {}): Answer => ({
  texts: name => {
    const { datatype, data } = values.get(`${name}__values`)!;
    expect(datatype).toBe("BYTES");
    const offsets = values.get(`${name}__offsets`)!.data as readonly number[];
    return offsets.slice(1).map((end, i) => data.slice(offsets[i], end) as string[]);
  },
  parameters,
});

type Server = Awaited<ReturnType<typeof startServer>>;
async function askHttp(server: Pick<Server, "post">, parameters: object = {}): Promise<Answer> {
  const { status, body } = await server.post("/v2/models/texts/infer", { inputs: INPUTS, parameters });
  expect([status, (body as { error?: string }).error]).toEqual([200, undefined]);
  const { outputs, parameters: told } = body as {
    readonly outputs: readonly { readonly name: string; readonly datatype: string; readonly data: unknown[] }[];
    readonly parameters?: Answer["parameters"];
  };
  return answerOf(new Map(outputs.map(output => [output.name, output])), told);
}

async function askGrpc(port: number): Promise<Answer> {
  const rpc = grpcClient(port);
  const { code, message, bytes } = await rpc.infer({
    model_name: "texts",
    inputs: INPUTS.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    raw_input_contents: INPUTS.map(raw),
  });
  rpc.close();
  expect([code, message]).toEqual([0, ""]);
  const { outputs, raw_output_contents } = decode("inference.ModelInferResponse", bytes!);
  return answerOf(
    new Map(
      outputs.map(({ name, datatype }, i) => {
        const given = Buffer.from(raw_output_contents[i]!);
        const data =
          datatype === "BYTES"
            ? unpackedTexts(given)
            : Array.from({ length: given.length / 4 }, (_, at) => given.readInt32LE(4 * at));
        return [name, { datatype, data }] as const;
      }),
    ),
  );
}

describe.each(LAYOUTS)("layout %s", layout => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer(join(folder, layout));
    closers.push(() => server.stop());
  });

  test.each([
    ["HTTP", () => askHttp(server)],
    ["gRPC", () => askGrpc(server.ports.grpc!)],
  ] as const)("%s: what FAISS finds, filtered, looked up and ordered as texts", async (_, ask) => {
    const { texts } = await ask();
    expect(texts("candidate_ids")).toEqual(USERS.map(nearest));
    expect(texts("best_ordered_ids")).toEqual(USERS.map(bestOf));
    expect(texts("drawn_ordered_ids").map(list => list.toSorted())).toEqual(
      USERS.map(user => allowedOf(user).toSorted()),
    );
  });

  test("the metadata says BYTES", async () => {
    const { body } = await server.json("/v2/models/texts");
    const { outputs } = body as { readonly outputs: readonly { readonly name: string; readonly datatype: string }[] };
    expect(outputs).toContainEqual(expect.objectContaining({ name: "candidate_ids__values", datatype: "BYTES" }));
  });
});

test("the story of each candidate has its text", async () => {
  const server = await startServer(join(folder, "executor"));
  closers.push(() => server.stop());
  const { parameters } = await askHttp(server, { explain: true });
  const told = JSON.parse(parameters.explain as string) as readonly (readonly CandidateStory[])[];
  expect(told.map(stories => stories.map(({ id }) => id))).toEqual(USERS.map(nearest));
  for (const [row, stories] of told.entries())
    for (const { id, droppedBy } of stories)
      expect([id, droppedBy === "allowed.filterCandidates"]).toEqual([id, USERS[row]!.seen.includes(id as string)]);
});

test("the map is a file of the model, and of no other index", async () => {
  const other = join(folder, "others.faiss");
  const model = join(folder, "executor", "texts");
  expect(readManifest(model)!.files.has("1/indexes/items.faiss.ids.arrow")).toBe(true);
  const loaded = async (change: (map: string, model: string) => void) => {
    const repository = mkdtempSync(join(folder, "repository-"));
    cpSync(join(folder, "executor"), repository, { recursive: true });
    const own = join(repository, "texts");
    change(join(own, "1", "indexes", "items.faiss.ids.arrow"), own);
    const server = await startServer(repository, { modelControlMode: "explicit" });
    closers.push(() => server.stop());
    const { status, body } = await server.post("/v2/repository/models/texts/load", {});
    return [status, (body as { error?: string }).error ?? ""] as const;
  };
  expect(await loaded(() => {})).toEqual([200, ""]);
  const [, edited] = await loaded(map => writeFileSync(map, readFileSync(map).subarray(8)));
  expect(edited).toMatch(/items\.faiss\.ids\.arrow has \d+ bytes, but `merlon build` wrote \d+/);
  const [, missing] = await loaded(map => rmSync(map));
  expect(missing).toMatch(/items\.faiss\.ids\.arrow is missing; `merlon build` wrote it/);
  // Without a manifest the kernel compares the two.
  const data = join(folder, "other.parquet");
  const cells = { sku: TEXTS, e: TEXTS.map((_, i) => vector(i + 1)) };
  await writeParquet(data, schemaOf({ sku: "string", e: "list<float32>" }), cells);
  await buildIndex(data, other, { id: "sku", embedding: "e", textIds: true });
  const [, strange] = await loaded((map, own) => {
    copyFileSync(`${other}.ids.arrow`, map);
    rmSync(join(own, MANIFEST_FILE));
    const config = join(own, "config.pbtxt");
    writeFileSync(
      config,
      readFileSync(config, "utf8").replace(/parameters \{\s*key: "merlon_manifest"[^}]*\}\s*\}/, ""),
    );
  });
  expect(strange).toMatch(/items\.faiss\.ids\.arrow is not the id map of .*it was built for other bytes of the index/);
  // A plan that says something else of the ids does not load.
  const [, said] = await loaded((_, own) => {
    const plan = join(own, "1", "plan.json");
    writeFileSync(plan, readFileSync(plan, "utf8").replace(/,\s*"ids": "indexes\/items.faiss.ids.arrow"/, ""));
    writeFileSync(join(own, MANIFEST_FILE), printManifest(own));
  });
  expect(said).toMatch(/items\.faiss answers int64 ids, and the plan says string\. Build the ensemble again/);
  // A manifest that lists a damaged map does not make it whole.
  const [, empty] = await loaded((map, own) => {
    writeFileSync(map, "");
    writeFileSync(join(own, MANIFEST_FILE), printManifest(own));
  });
  expect(empty).toMatch(/items\.faiss\.ids\.arrow is not the id map of .*it is not an Arrow file/);
}, 60_000);

test("the other operators of candidates take texts: cached, fallback, choose, mixScores, limitPerGroup, diversify, boost", async () => {
  const file = join(folder, "more.ensemble.ts");
  writeFileSync(
    file,
    `import { boost, cached, choose, diversify, ensemble, explode, fallback, limitPerGroup, mixScores, queryFaiss, rename, source, unrollFeatures } from "merlon";
const request = source({ query: "float32[2]", popular: "list<string>", is_new: "bool" });
const found = request["query"] >> cached(queryFaiss("items.faiss", { topk: 4, includeDistances: true }), { ttlSeconds: 600 });
const popular = request["popular"] >> explode();
const safe = found["candidate_ids"] >> fallback(popular, { within: 5000 });
const chosen = request["is_new"] >> choose({ yes: popular["candidate_ids"], no: found["candidate_ids"] });
const pairs = found >> unrollFeatures("candidate_ids", request["query"]);
const mixed = found["candidate_distances"] >> mixScores({ weights: { candidate_distances: 1 } });
const capped = found["candidate_ids"] >> limitPerGroup(mixed, found["candidate_ids"], { topk: 3, max: 1 }) >> rename({ prefix: "capped_" });
const varied = pairs["candidate_ids"] >> diversify(mixed, pairs["query"], { topk: 4 }) >> rename({ prefix: "varied_" });
const lifted = found >> boost(item => item.candidate_ids === "süd", { score: "candidate_distances", multiply: 3 }) >> rename({ prefix: "lifted_" });
export default ensemble("more", (safe >> rename({ prefix: "safe_" })) + (chosen >> rename({ prefix: "chosen_" })) + capped + varied + lifted);
`,
  );
  const made = await compile(file);
  if (!made.ok) throw new Error(printDiagnostics(made.diagnostics));
  const nearest = Index.read(join(folder, "items.faiss"))
    .search(vector(1), 4)
    .labels.map(label => TEXTS[label]!);
  const inputs = [
    { name: "query", datatype: "FP32", shape: [2, 2], data: [...vector(1), ...vector(1)] },
    { name: "popular__values", datatype: "BYTES", shape: [3], data: ["", "new", "süd"] },
    { name: "popular__offsets", datatype: "INT32", shape: [3], data: [0, 2, 3] },
    { name: "is_new", datatype: "BOOL", shape: [2], data: [true, false] },
  ];
  const repository = join(folder, "more");
  build(made, repository);
  const server = await startServer(repository);
  closers.push(() => server.stop());
  for (const _ of ["computed", "from the cache"]) {
    const { body } = await server.post("/v2/models/more/infer", { inputs });
    expect((body as { error?: string }).error).toBeUndefined();
    const { outputs } = body as { readonly outputs: readonly { name: string; datatype: string; data: unknown[] }[] };
    const { texts } = answerOf(new Map(outputs.map(output => [output.name, output])));
    expect(texts("safe_candidate_ids")).toEqual([nearest, nearest]);
    expect(texts("chosen_candidate_ids")).toEqual([["", "new"], nearest]);
    expect(texts("capped_ordered_ids")).toEqual([nearest.slice(0, 3), nearest.slice(0, 3)]);
    expect(texts("varied_ordered_ids").map(list => list.toSorted())).toEqual([nearest.toSorted(), nearest.toSorted()]);
    expect(texts("lifted_candidate_ids")).toEqual([nearest, nearest]);
  }
}, 60_000);

test("exclude of an index of texts is texts, and a list that filters them too", async () => {
  const faults = async (from: string, to: string) => {
    const file = join(folder, "wrong.ensemble.ts");
    writeFileSync(file, PROGRAM.replace(from, to));
    const made = await compile(file);
    return made.ok ? "" : printDiagnostics(made.diagnostics);
  };
  expect(await faults('hidden: "list<string>"', 'hidden: "list<int64>"')).toMatch(
    /`exclude` of `queryFaiss` .*texts, or lists of these[\s\S]*Ids of this index are texts\./,
  );
  expect(await faults('seen: "list<string>"', 'seen: "list<int64>"')).toMatch(
    /`filterCandidates` .*string, like `candidate_ids`[\s\S]*Use texts on both sides/,
  );
});

test("the command line: builds, searches, types, and refuses a stock Triton with the way out", async () => {
  const merlon = (...args: string[]) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const { status, stdout, stderr } = spawnSync(process.execPath, [MERLON, ...args], {
      cwd: folder,
      encoding: "utf8",
      env,
    });
    return { status, stdout, stderr };
  };
  const index = ["index", "build", "--data", "e.parquet", "--embedding", "e", "--out", "cli.faiss"];
  expect(merlon(...index, "--text-id", "sku")).toMatchObject({ status: 0 });
  expect(
    readFileSync(join(folder, "cli.faiss.ids.arrow")).equals(readFileSync(join(folder, "items.faiss.ids.arrow"))),
  ).toBe(true);
  expect(merlon(...index).stderr).toContain("give the column of the ids: `--id` for integers, `--text-id` for texts");
  expect(merlon(...index, "--text-id", "sku", "--id", "sku").stderr).toContain("cannot be used with option");
  const found = merlon("index", "search", "cli.faiss", "--query", vector(3).join(","), "--topk", "1");
  expect(found.stdout).toMatch(/^0\t"日本🍣"\t/);
  expect(JSON.parse(merlon("index", "info", "cli.faiss").stdout)).toMatchObject({
    ntotal: 6,
    idMap: "cli.faiss.ids.arrow",
  });
  expect(merlon("typegen", "texts.ensemble.ts").status).toBe(0);
  const types = readFileSync(join(folder, "merlon-env.d.ts"), "utf8").replace(/\s+/g, " ");
  expect(types).toContain('"items.faiss": { kind: "faiss"; vector: "float32[2]"; ids: "string"; }');
  expect(merlon("check", "texts.ensemble.ts")).toMatchObject({ status: 0 });
  const { status, stderr } = merlon("build", "texts.ensemble.ts", "--target", "triton", "--out", "stock");
  expect([status, existsSync(join(folder, "stock"))]).toEqual([1, false]);
  expect(stderr).toMatch(/can't be lowered to ONNX: the index `items\.faiss` answers text ids/);
  expect(stderr).toMatch(/help: .*merlon index build --id/);
}, 120_000);

test("a fake index answers texts", async () => {
  await using server = await createTestServer(join(folder, "executor"), {
    stages: { found: fakeFaiss({ ids: ["süd", ""] }) },
  });
  const post = async (path: string, body: unknown) => {
    const response = await fetch(server.http + path, { method: "POST", body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as unknown };
  };
  expect((await askHttp({ post })).texts("candidate_ids")).toEqual(USERS.map(() => ["süd", ""]));
});
