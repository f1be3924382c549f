/**
 * Writes the collection of a store. A collection that is missing is made under a name of its own, with the store's name as its alias. All items
 * can thus be replaced at once: a new collection is loaded beside the old one, and the alias moves.
 */
import { randomBytes } from "node:crypto";
import type { FieldType, MilvusClient } from "@zilliz/milvus2-sdk-node";
import type { Scalar } from "../../../../contract/vector-filter/filter.js";
import type { MilvusStore } from "../../../../formats/vectors/vector-store.js";
import { RuntimeFault } from "../../../base/errors.js";
import { type ConnectionSettings, connectionSettings } from "../connection-settings.js";
import { guardedCalls } from "../guarded-call.js";
import type { VectorLoader, VectorRows } from "../vector-database.js";
import { checked, milvusFailure, openClient } from "./milvus-client.js";
import { absentAs, checkCollection, FIELD_TYPES, METRIC_TYPES, MOST_TEXT } from "./milvus-collection.js";
import { countOf } from "./milvus-database.js";
import { literal } from "./milvus-filter.js";

/** A batch of rows, and building an index, take longer than a search. */
const LOAD_TIMEOUT_MS = 3_600_000;

/** Names of collections that loads made: the store's name, then this. */
const MADE = "_load_";

/** @throws RuntimeFault */
export async function loadMilvus(store: MilvusStore, file: string): Promise<VectorLoader> {
  const settings = connectionSettings(store, file);
  const client = await openClient({ ...store, pool: 1 }, settings, LOAD_TIMEOUT_MS);
  const guarded = guardedCalls(settings, LOAD_TIMEOUT_MS, milvusFailure);
  const run = <T extends object>(call: () => Promise<T>): Promise<T> => guarded(async () => checked(await call()));
  const makeCollection = (): Promise<string> => guarded(() => make(client, store));
  /** Makes rows durable, and the index of them. */
  const flush = (collection: string) => run(() => client.flushSync({ collection_names: [collection] }));
  const drop = (collection: string) => run(() => client.dropCollection({ collection_name: collection }));
  /** The collection of the alias, and the one that replaces it. */
  let swapped: { readonly old: string; readonly made: string } | undefined;
  let kept = 0;
  return {
    async create() {
      if (await guarded(() => checkCollection(client, store, settings.where))) {
        await run(() => client.loadCollectionSync({ collection_name: store.collection }));
        return false;
      }
      const made = await makeCollection();
      await run(() => client.createAlias({ collection_name: made, alias: store.collection }));
      return true;
    },
    async upsert(rows) {
      const data = rowsOf(rows, store, settings);
      await run(() => client.upsert({ collection_name: swapped?.made ?? store.collection, data }));
      if (swapped) {
        const { old } = swapped;
        const known = `${store.idField} in [${rows.ids.map(literal).join(", ")}]`;
        kept += await guarded(() => countOf(client, old, known));
      }
    },
    async finish() {
      await flush((await guarded(() => collectionOf(client, store))) ?? store.collection);
    },
    swap: {
      async begin() {
        const old = await guarded(() => collectionOf(client, store));
        if (old === undefined)
          throw new RuntimeFault(
            "INVALID_ARGUMENT",
            `${settings.where}: \`${store.collection}\` is a collection, and \`--delete-missing\` moves an alias from the old items to the new ones. Rename the collection, give it the alias \`${store.collection}\`, and load it again.`,
          );
        swapped = { old, made: await makeCollection() };
      },
      async end() {
        const { old, made } = swapped!;
        await flush(made);
        const before = await guarded(() => countOf(client, old, ""));
        await run(() => client.alterAlias({ collection_name: made, alias: store.collection }));
        swapped = undefined;
        // A collection that its owner named is theirs.
        if (old.startsWith(store.collection + MADE)) await drop(old);
        return before - kept;
      },
    },
    async close() {
      try {
        if (swapped) await drop(swapped.made);
      } finally {
        await client.closeConnection();
      }
    },
  };
}

/** The collection that the store's name is an alias of; undefined if it is the name of a collection. */
const collectionOf = async (client: MilvusClient, { collection }: MilvusStore): Promise<string | undefined> =>
  (await absentAs(client.describeAlias({ collection_name: collection, alias: collection })))?.collection;

/** Makes a collection with its index, ready for searches. @returns its name */
async function make(client: MilvusClient, store: MilvusStore): Promise<string> {
  const name = `${store.collection}${MADE}${Date.now().toString(36)}_${randomBytes(4).toString("hex")}`;
  checked(await client.createCollection({ collection_name: name, fields: fieldsOf(store) }));
  checked(
    await client.createIndex({
      collection_name: name,
      field_name: store.vectorField,
      index_name: store.vectorField,
      index_type: store.index === "hnsw" ? "HNSW" : "FLAT",
      metric_type: METRIC_TYPES[store.metric],
      params: store.index === "hnsw" ? { M: 16, efConstruction: 200 } : {},
    }),
  );
  checked(await client.loadCollectionSync({ collection_name: name }));
  return name;
}

function fieldsOf({ idField, ids, vectorField, dimension, attributes }: MilvusStore): FieldType[] {
  const field = (name: string, dtype: keyof typeof FIELD_TYPES): FieldType => ({
    name,
    data_type: FIELD_TYPES[dtype],
    ...(dtype === "string" && { max_length: MOST_TEXT }),
  });
  return [
    { ...field(idField, ids), is_primary_key: true, autoID: false },
    { name: vectorField, data_type: "FloatVector", dim: dimension },
    ...Object.entries(attributes).map(([name, dtype]) => ({ ...field(name, dtype), nullable: true })),
  ];
}

/** @throws RuntimeFault naming the id of a text that is too long */
function rowsOf(
  { ids, vectors, attributes }: VectorRows,
  { idField, vectorField, dimension }: MilvusStore,
  { where }: ConnectionSettings,
): Record<string, never>[] {
  const plain = (value: Scalar | undefined, name: string, row: number): unknown => {
    if (typeof value === "string" && value.length > MOST_TEXT / 4 && Buffer.byteLength(value) > MOST_TEXT)
      throw new RuntimeFault(
        "INVALID_ARGUMENT",
        `${where}: \`${name}\` of the id ${String(ids[row]).slice(0, 80)} has ${Buffer.byteLength(value)} bytes, and a text has at most ${MOST_TEXT}. Shorten it.`,
      );
    // The client takes integers as texts, which are exact.
    return value === undefined ? null : typeof value === "bigint" ? String(value) : value;
  };
  return ids.map((id, row) => {
    const cells = [...attributes].map(([name, values]) => [name, plain(values[row], name, row)]);
    return Object.fromEntries([
      [idField, plain(id, idField, row)],
      [vectorField, Array.from(vectors.subarray(row * dimension, (row + 1) * dimension))],
      ...cells,
    ]) as Record<string, never>;
  });
}
