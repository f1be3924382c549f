// Features in a graph instead of a store: texts that are Bloom filters, lists of texts, expired values; and features as inputs of the
// request.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, describe, expect, test } from "vitest";
import { lowered } from "#compiler/5-emit/build.js";
import { NotLoweredError } from "#compiler/5-emit/onnx/not-lowered.js";
import type { TritonOptions } from "#compiler/index.js";
import type { FeastFeatureTable, FeastTables } from "#contract/feast-tables.js";
import type { Values } from "#triton-protos/datatype.js";
import { compiledProgram } from "./both-servers.js";
import { startPythonOnnx } from "./python-onnx.js";

const STORE = JSON.stringify(join(import.meta.dirname, "../../../samples/artefacts/features"));
const folder = mkdtempSync(join(tmpdir(), "merlon-frozen-"));
const python = startPythonOnnx();
afterAll(() => {
  python.stop();
  rmSync(folder, { recursive: true, force: true });
});

const [ABSENT, PRESENT, NULL, OUTDATED] = [0, 1, 2, 3];

/** A snapshot with one feature of users 1, 2, 3, …. */
const snapshot =
  (
    feature: Omit<FeastFeatureTable, "status" | "missing"> & Partial<FeastFeatureTable>,
    newest = 1000,
  ): TritonOptions["freeze"] =>
  (): FeastTables => {
    const count = feature.offsets ? feature.offsets.length - 1 : feature.values.length;
    const ids = BigInt64Array.from({ length: count }, (_, i) => BigInt(i + 1));
    const told = { status: new Uint8Array(count).fill(PRESENT), missing: "null" as const, ...feature };
    const keys = [{ name: "user_id", input: 0, dtype: "int64" as const, values: ids }];
    const view = {
      view: "user_features",
      keys,
      entities: count,
      features: [told],
      ttlSeconds: null,
      newest,
      oldest: newest,
    };
    return { taken: 2000, ids: {}, views: [view] };
  };

async function graphOf(
  name: string,
  text: string,
  freeze: TritonOptions["freeze"],
  options: Partial<TritonOptions> = {},
) {
  const file = join(folder, `${name}.ensemble.ts`);
  writeFileSync(file, text.replace("export default ensemble(", `export default ensemble("${name}", `));
  const program = await compiledProgram(file);
  const { models, frozen, notes } = lowered(program, {}, { freeze, fuse: true, ...options });
  const model = models[0]!.files.find(({ to }) => to === "model.onnx") as { readonly bytes: Uint8Array };
  const session = await ort.InferenceSession.create(model.bytes, { logSeverityLevel: 4 });
  const ask = async (feeds: Record<string, ort.Tensor>) => {
    const answer = await session.run(feeds);
    const elsewhere = await python.run(model.bytes, feeds);
    const plain = (from: Readonly<Record<string, ort.Tensor>>) =>
      Object.fromEntries(Object.entries(from).map(([output, { data }]) => [output, Array.from(data as BigInt64Array)]));
    expect(plain(elsewhere)).toEqual(plain(answer));
    return plain(answer) as Record<string, unknown[]>;
  };
  return { config: models[0]!.config, frozen, notes, ask };
}

const users = (...ids: number[]) => ({
  user_id: new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), [ids.length]),
});
/** For an entry with a batch dimension. */
const batch = (...ids: number[]) => ({ user_id: users(...ids).user_id.reshape([ids.length, 1]) });
const USER = (options: string) => `import { ensemble, explode, filterCandidates, queryFeast, source } from "merlon";
const request = source({ user_id: "int64", popular: "list<int64>" });
const user = request["user_id"] >> queryFeast(${STORE}, { view: "user_features", features: ["city"], ${options} });
`;

describe("values that have grown old", () => {
  const feature = {
    column: "city",
    dtype: "string",
    values: ["Ghent", "Turin", ""],
    status: Uint8Array.of(PRESENT, OUTDATED, ABSENT),
  } as const;
  const text = (options: string) => `${USER(options).replace(', popular: "list<int64>"', "")}
export default ensemble(user["city"]);
`;
  test("are missing, as those of an unknown user are", async () => {
    const freeze = snapshot({ ...feature, missing: { default: ["?"] as Values } });
    const { ask, frozen, notes } = await graphOf(
      "old",
      text(`ttl: 3600, onMissing: { city: { default: "?" } }`),
      freeze,
    );
    expect(await ask(batch(1, 2, 3, 99))).toEqual({ city: ["Ghent", "?", "?", "?"] });
    expect(notes.join()).toMatch(/older than their `ttl` now: another day's build is another\. `--date`/);
    expect(frozen[0]).toMatchObject({ taken: "1970-01-01T00:16:40.000Z", newest: "1970-01-01T00:16:40.000Z" });
  });
  test("all of them: the build is refused, with the date and a way out", async () => {
    const freeze: TritonOptions["freeze"] = (...args) => {
      const [view] = snapshot(feature, 1000)(...args).views;
      return { taken: 10_000, ids: {}, views: [{ ...view!, ttlSeconds: 60 }] };
    };
    const built = graphOf("stale", text("ttl: 60"), freeze);
    await expect(built).rejects.toThrowError(NotLoweredError);
    await expect(built).rejects.toThrowError(
      /newest value of view `user_features` is of 1970-01-01T00:16:40\.000Z, older than its ttl of 60 s.*\n.*merlon feast materialize/,
    );
  });
});

test("features with the request: they are inputs under the names of their columns, and no store is read", async () => {
  const none = () => {
    throw new Error("the store is read");
  };
  const text = `${USER(`onMissing: { city: { default: "?" } }`)}
export default ensemble(user["city"]);
`;
  const { config, ask, frozen } = await graphOf(
    "sent",
    text.replace('user["city"])', 'user["city"] + (request["popular"] >> explode()))'),
    none,
    { features: "inputs" },
  );
  expect(config.input!.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["city", "popular__values", "popular__offsets"]),
  );
  expect(frozen).toEqual([]);
  const answer = await ask({
    ...(config.input!.some(({ name }) => name === "user_id") && users(7, 8)),
    city: new ort.Tensor("string", ["Ghent", "é"], [2]),
    popular__values: new ort.Tensor("int64", BigInt64Array.of(5n), [1]),
    popular__offsets: new ort.Tensor("int32", Int32Array.of(0, 1, 1), [3]),
  });
  expect(answer).toMatchObject({ city: ["Ghent", "é"], candidate_ids__values: [5n] });
});

test('`onMissing: "drop"` leaves unknown candidates out, and keeps one with a stored null', async () => {
  const text = `import { ensemble, explode, queryFeast, source } from "merlon";
const request = source({ popular: "list<int64>" });
const items = request["popular"] >> explode({ name: "item_id" }) >> queryFeast(${STORE}, { view: "item_features", features: ["price"], includeId: true, onMissing: "drop" });
export default ensemble(items);
`;
  const price = {
    column: "price",
    dtype: "float32",
    values: Float32Array.of(1, Number.NaN, 3, 4),
    missing: "drop",
  } as const;
  const freeze: TritonOptions["freeze"] = (...args) => {
    const tables = snapshot({ ...price, status: Uint8Array.of(PRESENT, NULL, ABSENT, OUTDATED) })(...args);
    return { ...tables, ids: { item_id: 0 } };
  };
  const { ask } = await graphOf("dropped", text, freeze);
  const answer = await ask({
    popular__values: new ort.Tensor("int64", BigInt64Array.of(1n, 2n, 3n, 4n, 99n), [5]),
    popular__offsets: new ort.Tensor("int32", Int32Array.of(0, 5), [2]),
  });
  expect(answer).toMatchObject({ price__values: [1, Number.NaN], price__offsets: [0, 2] });
});
