/** Feast's SQLite store of the shop, read by better-sqlite3 and protobufjs: by statement for each request, or once into arrays by id. */
import { createRequire } from "node:module";
import { join } from "node:path";
import protobuf from "protobufjs";

const Database = createRequire(import.meta.url)("better-sqlite3");

/** The part of Feast's `Value` in this store. */
const Value = protobuf
  .parse(
    `syntax = "proto3";
message Int64List { repeated int64 val = 1; }
message Value { oneof val { int64 int64_val = 4; float float_val = 6; Int64List int64_list_val = 14; } }`,
    { keepCase: true },
  )
  .root.lookupType("Value");

/** Number of keys in a statement's list. */
const KEYS = 1000;

export function sqliteStore(folder) {
  const db = new Database(join(folder, "features/data/online_store.db"), { readonly: true });
  const [users, items] = [tableReader(db, "bench_user_features"), tableReader(db, "bench_item_features")];
  return {
    users(ids) {
      const rows = users(ids);
      return {
        age: Float32Array.from(rows, row => row.age.float_val),
        city: Int32Array.from(rows, row => Number(row.city.int64_val)),
        purchased: rows.map(row => Int32Array.from(row.purchased_ids.int64_list_val.val, Number)),
      };
    },
    items(ids) {
      const rows = items(ids);
      return {
        price: Float32Array.from(rows, row => row.price.float_val),
        category: Int32Array.from(rows, row => Number(row.category.int64_val)),
        brand: Int32Array.from(rows, row => Number(row.brand.int64_val)),
      };
    },
    close: () => db.close(),
  };
}

/** @returns ids → features of each by name, decoded */
function tableReader(db, table) {
  // Keys of one table differ in their last eight bytes.
  const template = db.prepare(`SELECT entity_key FROM ${table} LIMIT 1`).pluck().get();
  const place = template.length - 8;
  const keyOf = id => {
    const key = Buffer.from(template);
    key.writeInt32LE(id, place);
    key.writeInt32LE(0, place + 4);
    return key;
  };
  /** By the length of their lists. */
  const statements = new Map();
  const statement = count => {
    if (!statements.has(count)) {
      const list = new Array(count).fill("?").join(",");
      const text = `SELECT entity_key, feature_name, value FROM ${table} WHERE entity_key IN (${list})`;
      statements.set(count, db.prepare(text).raw());
    }
    return statements.get(count);
  };
  return ids => {
    const found = new Map(Array.from(ids, id => [id, {}]));
    for (let from = 0; from < ids.length; from += KEYS) {
      const keys = Array.from(ids.subarray(from, from + KEYS), keyOf);
      for (const [key, name, value] of statement(keys.length).iterate(keys))
        found.get(key.readInt32LE(place))[name] = Value.decode(value);
    }
    return Array.from(ids, id => found.get(id));
  };
}

/** Ids of the shop begin at 1 and leave none out. */
export function memoryStore(folder, counts) {
  const store = sqliteStore(folder);
  const ids = count => Int32Array.from({ length: count }, (_, i) => i + 1);
  const [users, items] = [store.users(ids(counts.users)), store.items(ids(counts.items))];
  store.close();
  const pick = (values, ids) => {
    const made = new values.constructor(ids.length);
    for (let i = 0; i < ids.length; i++) made[i] = values[ids[i] - 1];
    return made;
  };
  return {
    users: ids => ({
      age: pick(users.age, ids),
      city: pick(users.city, ids),
      purchased: Array.from(ids, id => users.purchased[id - 1]),
    }),
    items: ids => ({
      price: pick(items.price, ids),
      category: pick(items.category, ids),
      brand: pick(items.brand, ids),
    }),
    close() {},
  };
}
