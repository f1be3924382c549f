// SQLite online stores during or after a write: a build copies committed rows alone, and a killed writer leaves a readable store.
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { copyStore } from "#compiler/5-emit/copy-store.js";
import { build, compile } from "#compiler/index.js";
import { readCheck } from "#formats/feast/store-check.js";
import { getFeatures } from "#runtime/stores/feast/get-features.js";
import { writeFeastRepository } from "#runtime/stores/feast/write-repository.js";
import { builtFile, builtUrl } from "../needs/built.js";
import { random } from "./support/random.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-stores-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const USERS = 400;
const TABLE = "shop_user_features";

/** A program beside a Feast repository, whose users all are of one age. @param long ages are texts, too many for a transaction in memory */
function program(
  name: string,
  long = false,
): { readonly file: string; readonly features: string; readonly store: string } {
  const at = join(folder, name);
  const features = join(at, "features");
  mkdirSync(features, { recursive: true });
  writeFeastRepository(features, {
    project: "shop",
    timestamp: 1_704_067_200,
    entities: [{ name: "user", joinKey: "user_id", type: "INT64" }],
    views: [
      {
        name: "user_features",
        entities: ["user"],
        features: [{ name: "age", type: long ? "STRING" : "INT64" }],
        source: { name: "users", path: "data/users.parquet", timestampField: "ts" },
        rows: {
          user_id: BigInt64Array.from({ length: USERS }, (_, i) => BigInt(i)),
          age: long ? Array.from({ length: USERS }, () => "1") : BigInt64Array.from({ length: USERS }, () => 1n),
        },
      },
    ],
  });
  const file = join(at, "main.ensemble.ts");
  writeFileSync(
    file,
    `import { ensemble, queryFeast, source } from "merlon";
const request = source({ user_id: "int64" });
export default ensemble("x", request >> queryFeast("features", { view: "user_features" }));`,
  );
  return { file, features, store: join(features, "data", "online_store.db") };
}

async function built(file: string): Promise<string> {
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  const out = join(file, "..", "repository");
  build(compiled, out);
  return join(out, "x", "1", "features", "features", "data", "online_store.db");
}

/** Runs a program in a process that ends without a goodbye. */
function killed(script: string): void {
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: ROOT,
    encoding: "utf8",
  });
  expect(signal, stderr).toBe("SIGKILL");
}

const KILL = 'process.kill(process.pid, "SIGKILL");';
const openInChild = (store: string): string =>
  `import Database from "better-sqlite3"; const db = new Database(${JSON.stringify(store)});`;

interface Contents {
  readonly ages: readonly string[];
  readonly rows: number;
  readonly integrity: unknown;
}

/** Different values of the feature, and how many rows there are. Opened as a file of its own, so that nothing is recovered. */
function contents(store: string): Contents {
  for (const suffix of ["-journal", "-wal"]) expect(existsSync(`${store}${suffix}`)).toBe(false);
  const db = new Database(store, { readonly: true });
  try {
    return {
      ages: db.prepare(`SELECT DISTINCT hex(value) FROM ${TABLE}`).pluck().all() as string[],
      rows: db.prepare(`SELECT count(*) FROM ${TABLE}`).pluck().get() as number,
      integrity: db.pragma("integrity_check", { simple: true }),
    };
  } finally {
    db.close();
  }
}

const ONE = { ages: ["2001"], rows: USERS, integrity: "ok" };
const TWO = { ages: ["2002"], rows: USERS, integrity: "ok" };

test("a writer that was killed in the middle of a transaction", async () => {
  const { file, store } = program("hot");
  expect(contents(store)).toEqual(ONE);
  // Pages of the transaction are in the file, and the old ones are in the journal.
  killed(`${openInChild(store)} db.pragma("cache_size = 4"); db.exec("BEGIN");
    db.prepare("UPDATE ${TABLE} SET value = x'2002' WHERE rowid <= ${USERS - 10}").run(); ${KILL}`);
  expect(statSync(`${store}-journal`).size).toBeGreaterThan(0);
  expect(contents(await built(file))).toEqual(ONE);
});

test("a write-ahead log that was not yet put into the file", async () => {
  const { file, store } = program("wal");
  killed(`${openInChild(store)} db.pragma("journal_mode = WAL"); db.pragma("wal_autocheckpoint = 0");
    db.prepare("UPDATE ${TABLE} SET value = x'2002'").run();
    db.exec("BEGIN"); db.prepare("DELETE FROM ${TABLE}").run(); ${KILL}`);
  expect(statSync(`${store}-wal`).size).toBeGreaterThan(0);
  expect(contents(await built(file))).toEqual(TWO);
});

test("a process that is writing meanwhile", async () => {
  const { file, store } = program("live");
  const writer = new Database(store);
  try {
    writer.exec("BEGIN IMMEDIATE");
    writer.prepare(`UPDATE ${TABLE} SET value = x'2002'`).run();
    expect(contents(await built(file))).toEqual(ONE);
    writer.exec("COMMIT");
  } finally {
    writer.close();
  }
  expect(contents(await built(file))).toEqual(TWO);
});

test("a store that has not changed is not copied again, and its bytes are the store's", async () => {
  const { file, store } = program("same");
  const first = await built(file);
  expect(readFileSync(first).equals(readFileSync(store))).toBe(true);
  const { ino, mtimeMs } = statSync(first);
  expect(statSync(await built(file))).toMatchObject({ ino, mtimeMs });
  // A copy that is not what was copied is made anew.
  const bytes = readFileSync(first);
  bytes[bytes.length - 20]! ^= 1;
  writeFileSync(first, bytes);
  expect(readFileSync(await built(file)).equals(readFileSync(store))).toBe(true);
  const db = new Database(store);
  db.prepare(`UPDATE ${TABLE} SET value = x'2002'`).run();
  db.close();
  expect(contents(await built(file))).toEqual(TWO);
});

test("a store that is too large for memory is copied again only when it, or its copy, has changed", () => {
  const { store } = program("large");
  // Its pages fill the first part of the file alone.
  truncateSync(store, 513 << 20);
  const copies = ["first", "second", "third", "fourth", "fifth"].map(name => join(folder, `large-${name}.db`));
  let last: string | undefined;
  const copyTo = (to: string): number => {
    copyStore(store, to, last);
    last = to;
    return statSync(to).ino;
  };
  const [first, second, third, fourth, fifth] = copies as [string, string, string, string, string];
  const ino = copyTo(first);
  expect(contents(first)).toEqual(ONE);
  expect(copyTo(second)).toBe(ino);
  expect(readCheck(second)).toEqual(readCheck(first));
  const bytes = readFileSync(second);
  bytes[bytes.length - 20]! ^= 1;
  writeFileSync(second, bytes);
  expect(copyTo(third)).not.toBe(ino);
  expect(contents(third)).toEqual(ONE);
  const db = new Database(store);
  db.prepare(`UPDATE ${TABLE} SET value = x'2002'`).run();
  db.close();
  const changed = copyTo(fourth);
  expect(contents(fourth)).toEqual(TWO);
  // The log's content is not in the file that was compared.
  killed(`${openInChild(store)} db.pragma("journal_mode = WAL"); db.pragma("wal_autocheckpoint = 0");
    db.prepare("UPDATE ${TABLE} SET value = x'2001'").run(); ${KILL}`);
  expect(copyTo(fifth)).not.toBe(changed);
  expect(contents(fifth)).toEqual(ONE);
});

test("a store that is damaged is refused by build and by readers, and one that another program wrote is not", async () => {
  const { file, features, store } = program("damaged");
  const dist = JSON.stringify(builtFile(""));
  execFileSync(process.execPath, ["--input-type=module", "-e", materialize(dist, features, "3n")], { cwd: ROOT });
  const read = () => getFeatures(features, { views: ["user_features"], keys: new Map([["user_id", ["7"]]]) });
  expect(await read()).toMatchObject([{ age: 3n }]);
  const bytes = readFileSync(store);
  const at = bytes.indexOf(Buffer.from("2003", "hex"));
  bytes[at + 1]! ^= 4;
  writeFileSync(store, bytes);
  const text =
    /online_store\.db has the checksum sha256:\w{12}, but sha256:\w{12} was written: it was edited or damaged/;
  await expect(read()).rejects.toThrow(text);
  await expect(built(file)).rejects.toThrow(text);
  bytes[at + 1]! ^= 4;
  writeFileSync(store, bytes);
  const feast = new Database(store);
  feast.prepare(`UPDATE ${TABLE} SET value = x'2002'`).run();
  feast.close();
  expect(await read()).toMatchObject([{ age: 2n }]);
});

/** `merlon feast materialize` without the data: every user gets one age. @param killAfter batches, or `none` */
const materialize = (dist: string, features: string, age: string, killAfter = -1): string => `
  const { readFeastRepository } = await import(${dist} + "/formats/feast/feast-repository.js");
  const { openOnlineWriter } = await import(${dist} + "/runtime/stores/feast/online-writer.js");
  const repository = readFeastRepository(${JSON.stringify(features)});
  const writer = await openOnlineWriter(repository, repository.registry.views[0]);
  let batches = 0;
  const step = () => { if (batches++ === ${killAfter}) ${KILL} };
  for (let first = 0; first < ${USERS}; first += 20) {
    step();
    const rows = Array.from({ length: 20 }, (_, i) => ({ key: [BigInt(first + i)], values: [${age}], eventMicros: 1n, createdMicros: 1n }));
    await writer.write(rows);
  }
  step();
  writer.finish();
  step();
  await writer.close();
  step();
`;

test("kill -9 of `feast materialize`, at any point: all rows are of one run", async () => {
  const { features, store } = program("killed", true);
  const dist = JSON.stringify(builtFile(""));
  const keys = new Map([["user_id", Array.from({ length: USERS }, (_, i) => String(i))]]);
  const draw = random(3);
  let last = "1";
  let hot = 0;
  for (let run = 0; run < 20; run++) {
    const age = String(run + 10);
    // The last ones after the commit, where the new rows are there.
    const after = run > 16 ? 21 + (run % 2) : Math.floor(draw() * 21);
    killed(materialize(dist, features, `"${age}".padEnd(50000)`, after));
    if (existsSync(`${store}-journal`)) hot++;
    if (after > 20) last = age;
    const rows = await getFeatures(features, { views: ["user_features"], keys });
    const ages = new Set(rows.map(row => String(row.age).trim()));
    expect([...ages], `killed after ${after} batches`).toEqual([last]);
  }
  // Else nothing was rolled back.
  expect(hot).toBeGreaterThan(3);
}, 120_000);

describe("a copy that cannot be made", () => {
  const { store } = program("uncopied");
  test("names the folder of the copy where that is the reason", () => {
    expect(() => copyStore(store, join(folder, "none", "copy.db"))).toThrow(
      `the copy of the online store ${store} cannot be written to ${join(folder, "none")}: ENOENT`,
    );
  });
  test("names the store where that is the reason", () => {
    const damaged = join(folder, "damaged.db");
    writeFileSync(damaged, "no database".repeat(1000));
    expect(() => copyStore(damaged, join(folder, "copy.db"))).toThrow(
      `the online store ${damaged} cannot be copied: file is not a database. Materialize it again.`,
    );
  });
  test("passes the error of a package that is not installed", () => {
    const script = `import { registerHooks } from "node:module";
      registerHooks({ resolve: (name, context, next) => next(name === "better-sqlite3" ? "not-installed" : name, context) });
      const { copyStore } = await import(${JSON.stringify(builtUrl("compiler/5-emit/copy-store.js"))});
      try { copyStore(${JSON.stringify(store)}, "copy.db"); } catch ({ code, message }) { console.log(code, message.split("\\n")[0]); }`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(stdout.trim()).toBe("MODULE_NOT_FOUND Cannot find module 'not-installed'");
  });
});
