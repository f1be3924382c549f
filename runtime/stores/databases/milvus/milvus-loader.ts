/** Writes the collection of a store in Milvus. */
import type { FieldType, MilvusClient } from "@zilliz/milvus2-sdk-node";
import type { Scalar } from "../../../../contract/vector-filter/filter.js";
import type { MilvusStore } from "../../../../formats/vectors/vector-store.js";
import { invalid } from "../../../base/errors.js";
import { aliasedLoader } from "../aliased-loader.js";
import { type ConnectionSettings, connectionSettings } from "../connection-settings.js";
import { guardedCalls } from "../guarded-call.js";
import type { VectorLoader, VectorRows } from "../vector-database.js";
import { loadCollection } from "./load-collection.js";
import { checked, milvusFailure, openClient } from "./milvus-client.js";
import { absentAs, checkCollection, FIELD_TYPES, METRIC_TYPES, MOST_TEXT } from "./milvus-collection.js";
import { countOf } from "./milvus-database.js";
import { literal } from "./milvus-filter.js";

/** A batch of rows, and building an index, take longer than a search. */
const LOAD_TIMEOUT_MS = 3_600_000;

/** @throws RuntimeFault */
export async function loadMilvus(store: MilvusStore, file: string): Promise<VectorLoader> {
  const settings = connectionSettings(store, file);
  const client = await openClient({ ...store, pool: 1 }, settings, LOAD_TIMEOUT_MS);
  const guarded = guardedCalls(settings, LOAD_TIMEOUT_MS, milvusFailure);
  const run = <T extends object>(call: () => Promise<T>): Promise<T> => guarded(async () => checked(await call()));
  const { collection: alias, idField } = store;
  return aliasedLoader(alias, settings.where, {
    async check() {
      if (!(await guarded(() => checkCollection(client, store, settings.where)))) return false;
      await guarded(() => loadCollection(client, alias, LOAD_TIMEOUT_MS));
      return true;
    },
    aliased: async () =>
      (await guarded(() => absentAs(client.describeAlias({ collection_name: alias, alias }))))?.collection,
    make: name => guarded(() => make(client, store, name)),
    async upsert(collection, rows) {
      const data = rowsOf(rows, store, settings);
      await run(() => client.upsert({ collection_name: collection, data }));
    },
    count: (collection, ids) =>
      guarded(() => countOf(client, collection, ids ? `${idField} in [${ids.map(literal).join(", ")}]` : "")),
    async point(collection, isNew) {
      const names = { collection_name: collection, alias };
      await run(() => (isNew ? client.createAlias(names) : client.alterAlias(names)));
    },
    settle: async collection => void (await run(() => client.flushSync({ collection_names: [collection] }))),
    drop: async collection => void (await run(() => client.dropCollection({ collection_name: collection }))),
    close: () => client.closeConnection(),
  });
}

async function make(client: MilvusClient, store: MilvusStore, name: string): Promise<void> {
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
  await loadCollection(client, name, LOAD_TIMEOUT_MS);
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
      throw invalid(
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
