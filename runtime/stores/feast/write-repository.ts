/**
 * Writes a Feast repository from columns: `feature_store.yaml`, `data/registry.db`, `data/online_store.db`. The bytes are those that Feast
 * writes (entity keys of version 3), so that Feast's SDK opens it. Equal input gives equal bytes.
 */

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { siblingOf } from "../../../contract/files/sibling.js";
import { encodeValue } from "../../../formats/feast/encode-feast-value.js";
import { keyEncoder } from "../../../formats/feast/feast-key.js";
import { sqlite } from "../../../formats/feast/open-sqlite.js";
import { removeCheck } from "../../../formats/feast/store-check.js";
import { quoteName } from "../../../formats/sqlite/quote-sql.js";
import {
  checkDescription,
  type FeastRepositoryDescription,
  type FeastViewDescription,
  rowCount,
  rowValue,
} from "./describe.js";
import { encodeRegistry } from "./encode-registry.js";
import { valueText } from "./value-text.js";

/**
 * @param folder made when absent; each file is replaced as a whole, the configuration last
 * @throws RangeError naming view and column when the description does not hold together; nothing is written then
 */
export function writeFeastRepository(folder: string, repository: FeastRepositoryDescription): void {
  checkDescription(repository);
  mkdirSync(join(folder, "data"), { recursive: true });
  const store = join(folder, "data", "online_store.db");
  removeCheck(store);
  replace(store, file => writeOnlineStore(file, repository));
  replace(join(folder, "data", "registry.db"), file => writeFileSync(file, encodeRegistry(repository)));
  replace(join(folder, "feature_store.yaml"), file => writeFileSync(file, configuration(repository.project)));
}

const configuration = (project: string): string => `project: ${project}
provider: local
registry: data/registry.db
online_store:
  type: sqlite
  path: data/online_store.db
offline_store:
  type: file
entity_key_serialization_version: 3
`;

function replace(target: string, write: (file: string) => void): void {
  const partial = siblingOf(target);
  try {
    write(partial);
    const handle = openSync(partial, "r");
    fsyncSync(handle);
    closeSync(handle);
    renameSync(partial, target);
  } finally {
    rmSync(partial, { force: true });
  }
}

function writeOnlineStore(file: string, repository: FeastRepositoryDescription): void {
  const db = new (sqlite())(file);
  try {
    // The file is a temporary one until it is renamed, so a journal would protect nothing.
    db.pragma("journal_mode = OFF");
    db.pragma("synchronous = OFF");
    for (const view of repository.views) db.transaction(() => writeView(db, view, repository))();
  } finally {
    db.close();
  }
}

function writeView(db: Database.Database, view: FeastViewDescription, repository: FeastRepositoryDescription): void {
  const table = quoteName(`${repository.project}_${view.name}`);
  for (const statement of tableStatements(`${repository.project}_${view.name}`)) db.exec(statement);
  const insert = db.prepare(
    `INSERT INTO ${table} (entity_key, feature_name, value, value_text, event_ts, created_ts) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(entity_key, feature_name) DO UPDATE SET value = excluded.value, value_text = excluded.value_text, event_ts = excluded.event_ts, created_ts = excluded.created_ts`,
  );
  const joinKeys = view.entities.map(name => {
    const entity = repository.entities.find(e => e.name === name)!;
    return { name: entity.joinKey, type: entity.type };
  });
  const encodeKey = keyEncoder(joinKeys, 3);
  const count = rowCount(view, joinKeys[0]!.name);
  for (let i = 0; i < count; i++) {
    const key = encodeKey(joinKeys.map(join => keyPart(view, join.name, i)));
    const seconds = view.eventSeconds?.[i] ?? repository.timestamp;
    for (const feature of view.features) {
      const value = rowValue(view.rows[feature.name]!, i);
      insert.run(
        key,
        feature.name,
        encodeValue(feature.type, value),
        valueText(feature.type, value),
        BigInt(seconds),
        BigInt(repository.timestamp),
      );
    }
  }
}

function keyPart(view: FeastViewDescription, name: string, i: number): bigint | number | string {
  const value = rowValue(view.rows[name]!, i);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "string") return value;
  throw new RangeError(
    `view \`${view.name}\`: join key \`${name}\` of row ${i} is ${String(value)}; every row needs its key.`,
  );
}

/** A view's table as Feast makes it. */
export const tableStatements = (table: string): string[] => [
  `CREATE TABLE ${quoteName(table)} (entity_key BLOB, feature_name TEXT, value BLOB, value_text TEXT,  vector_value BLOB, event_ts timestamp, created_ts timestamp,  PRIMARY KEY(entity_key, feature_name))`,
  `CREATE INDEX ${quoteName(`${table}_ek`)} ON ${quoteName(table)} (entity_key)`,
];
