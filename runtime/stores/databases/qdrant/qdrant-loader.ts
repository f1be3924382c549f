/** Writes the collection of a store in Qdrant. */
import type { Scalar } from "../../../../contract/vector-filter/filter.js";
import type { QdrantStore } from "../../../../formats/vectors/vector-store.js";
import { invalid, type RuntimeFault } from "../../../base/errors.js";
import { aliasedLoader } from "../aliased-loader.js";
import { connectionSettings } from "../connection-settings.js";
import { guardedCalls } from "../guarded-call.js";
import type { VectorLoader, VectorRows } from "../vector-database.js";
import { openClient, type QdrantClient, qdrantFailure } from "./qdrant-client.js";
import { type CollectionInfo, checkCollection, DISTANCES, pathOf, SCHEMAS } from "./qdrant-collection.js";
import { countOf } from "./qdrant-database.js";
import { MOST_INTEGER } from "./qdrant-filter.js";

/** A batch of rows, and building an index, take longer than a search. */
const LOAD_TIMEOUT_MS = 3_600_000;
const POLL_MS = 250;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws RuntimeFault */
export async function loadQdrant(store: QdrantStore, file: string): Promise<VectorLoader> {
  const settings = connectionSettings(store, file);
  const client = openClient({ ...store, pool: 1 }, settings, LOAD_TIMEOUT_MS);
  const run = guardedCalls(settings, LOAD_TIMEOUT_MS, qdrantFailure);
  const { collection: alias } = store;
  const refuse = (what: string): RuntimeFault => invalid(`${settings.where}: ${what}`);
  return aliasedLoader(alias, settings.where, {
    check: async () => (await run(() => checkCollection(client, store, settings.where))) !== undefined,
    async aliased() {
      const { aliases } = await run(() =>
        client.call<{ aliases: { alias_name: string; collection_name: string }[] }>("GET", "/aliases"),
      );
      return aliases.find(({ alias_name }) => alias_name === alias)?.collection_name;
    },
    make: name => run(() => make(client, store, name)),
    async upsert(collection, rows) {
      const body = pointsOf(rows, store, refuse);
      await run(() => client.call("PUT", `${pathOf(collection)}/points?wait=true`, body));
    },
    count: (collection, ids) =>
      run(() => countOf(client, collection, ids && `{"must":[{"has_id":[${ids.map(idText).join(",")}]}]}`)),
    async point(collection, isNew) {
      const make = { create_alias: { collection_name: collection, alias_name: alias } };
      const actions = isNew ? [make] : [{ delete_alias: { alias_name: alias } }, make];
      await run(() => client.call("POST", "/collections/aliases", JSON.stringify({ actions })));
    },
    settle: collection => run(() => waitForIndex(client, collection)),
    drop: async collection => void (await run(() => client.call("DELETE", pathOf(collection)))),
    close: () => Promise.resolve(client.close()),
  });
}

async function make(client: QdrantClient, { vectorName, dimension, metric, attributes }: QdrantStore, name: string) {
  const params = { size: dimension, distance: DISTANCES[metric] };
  const vectors = vectorName === undefined ? params : { [vectorName]: params };
  await client.call("PUT", pathOf(name), JSON.stringify({ vectors }));
  // Before the points: the graph then has links for conditions.
  for (const [field_name, dtype] of Object.entries(attributes))
    await client.call(
      "PUT",
      `${pathOf(name)}/index?wait=true`,
      JSON.stringify({ field_name, field_schema: SCHEMAS[dtype] }),
    );
}

/** Points are searched from the start. Without their index, searches read all of them. */
async function waitForIndex(client: QdrantClient, collection: string): Promise<void> {
  for (;;) {
    const { status } = await client.call<CollectionInfo>("GET", pathOf(collection));
    if (status !== "yellow") return;
    await new Promise(done => setTimeout(done, POLL_MS));
  }
}

/** An integer as its digits, which JSON has without a limit. */
const idText = (id: bigint | string): string => (typeof id === "bigint" ? String(id) : JSON.stringify(id));

/** @throws RuntimeFault naming the id of a row that Qdrant cannot hold */
function pointsOf(
  { ids, vectors, attributes }: VectorRows,
  { dimension, vectorName }: QdrantStore,
  refuse: (what: string) => RuntimeFault,
): string {
  const shown = (id: bigint | string): string => String(id).slice(0, 80);
  const points = ids.map((id, row) => {
    if (typeof id === "bigint" && id < 0n)
      throw refuse(`the id ${id} is negative, and Qdrant has integers from 0. Leave the row out, or shift all ids.`);
    if (typeof id === "string" && !UUID.test(id))
      throw refuse(
        `the id ${shown(id)} is not a UUID in lower case, and Qdrant has no other texts as ids. Load integer ids, or UUIDs.`,
      );
    const payload: Record<string, Exclude<Scalar, bigint>> = {};
    for (const [name, values] of attributes) {
      const value = values[row];
      if (value === undefined) continue;
      if (typeof value === "bigint" && (value > MOST_INTEGER || value < -MOST_INTEGER))
        throw refuse(
          `\`${name}\` of the id ${shown(id)} is ${value}, and Qdrant compares integers beyond 2^53 as doubles. Load it as \`string\` if conditions only test equality.`,
        );
      payload[name] = typeof value === "bigint" ? Number(value) : value;
    }
    const values = Array.from(vectors.subarray(row * dimension, (row + 1) * dimension));
    const vector = JSON.stringify(vectorName === undefined ? values : { [vectorName]: values });
    return `{"id":${idText(id)},"vector":${vector},"payload":${JSON.stringify(payload)}}`;
  });
  return `{"points":[${points.join(",")}]}`;
}
