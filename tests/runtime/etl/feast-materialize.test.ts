// `merlon feast materialize` writes the bytes that Feast 0.67 wrote from the same Parquet files, into SQLite and into Redis; `get` reads them.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { materialize } from "#runtime/etl/materialize.js";
import { getFeatures } from "#runtime/stores/feast/get-features.js";
import { MERLON } from "../../needs/built.js";
import { feastAnswers, fixture, hashesOf, ourAnswers } from "../stores/feast/every-type.js";
import { startRedis } from "../stores/feast/redis-server.js";

const name = "every-0.67-k3";
const scratch = mkdtempSync(join(tmpdir(), "merlon-materialize-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let made = 0;
const copy = (online?: string): string => {
  const folder = join(scratch, String(made++));
  cpSync(fixture(name), folder, { recursive: true });
  if (online === undefined) rmSync(join(folder, "data", "online_store.db"));
  else
    writeFileSync(
      join(folder, "feature_store.yaml"),
      `project: every\nregistry: data/registry.db\nonline_store:\n  type: redis\n  connection_string: "${online}"\nentity_key_serialization_version: 3\n`,
    );
  return folder;
};
const rowsOf = (file: string, table: string) => {
  const db = new Database(file, { readonly: true });
  try {
    return db
      .prepare(
        `SELECT hex(entity_key) AS key, feature_name, hex(value) AS value, value_text, event_ts, created_ts FROM ${table} ORDER BY 1, 2`,
      )
      .all();
  } finally {
    db.close();
  }
};
const VIEWS = ["values", "pairs", "shops", "codes", "tokens"];

describe("SQLite", () => {
  test("every row of every view is Feast's, byte for byte, and again the second time", async () => {
    const folder = copy();
    for (let time = 0; time < 2; time++) {
      const done = await materialize(folder, {});
      expect(done.map(of => [of.view, of.entities, of.written]).sort()).toEqual([
        ["codes", 2, 2],
        ["pairs", 3, 3],
        ["shops", 2, 2],
        ["tokens", 2, 2],
        ["values", 3, 3],
      ]);
      for (const view of VIEWS)
        expect(rowsOf(join(folder, "data", "online_store.db"), `every_${view}`), view).toEqual(
          rowsOf(join(fixture(name), "data", "online_store.db"), `every_${view}`),
        );
    }
    expect(await ourAnswers(name, readFeastRepository(folder))).toEqual(feastAnswers(name));
  });

  test("a store of Feast 0.31 keeps its columns, and its times are text", async () => {
    const folder = copy();
    const db = new Database(join(folder, "data", "online_store.db"));
    db.exec(
      "CREATE TABLE every_pairs (entity_key BLOB, feature_name TEXT, value BLOB, event_ts timestamp, created_ts timestamp, PRIMARY KEY(entity_key, feature_name))",
    );
    db.close();
    await materialize(folder, { views: ["pairs"] });
    const again = new Database(join(folder, "data", "online_store.db"), { readonly: true });
    expect(again.prepare("SELECT DISTINCT event_ts FROM every_pairs ORDER BY 1").pluck().all()).toEqual([
      "2020-05-05 00:00:00",
      "2024-01-01 12:30:00",
    ]);
    again.close();
    const [row] = await getFeatures(folder, {
      views: ["pairs"],
      keys: new Map([
        ["user_id", ["2"]],
        ["shop", ["north"]],
      ]),
    });
    expect(row).toEqual({ user_id: 2n, shop: "north", visits: 7n });
  });

  test("the latest row of each entity, within the given time", async () => {
    const folder = copy();
    const csv = join(folder, "shops.csv");
    writeFileSync(
      csv,
      "shop,rating,ts\nnorth,1,2024-01-01\nnorth,3,2024-03-01\nnorth,2,2024-02-01\nsüd,5,2024-02-15\n",
    );
    const rating = async (start?: string, end?: string) => {
      await materialize(folder, { views: ["shops"], data: [csv], ...(start && { start }), ...(end && { end }) });
      return (
        await getFeatures(folder, { views: ["shops"], keys: new Map([["shop", ["north", "süd", "west", "north"]]]) })
      ).map(r => r.rating);
    };
    expect(await rating("2024-01-10", "2024-02-20")).toEqual([2, 5, null, 2]);
    expect(await rating()).toEqual([3, 5, null, 3]);
  });

  test.each([
    ["shop,ts\nx,2024-01-01\n", /has no column `rating`, which view `shops` needs; it has `shop`, `ts`/],
    ["shop,rating,ts\nx,good,2024-01-01\n", /reading the rows of view `shops` failed: .*good/],
    ["shop,rating,ts\n,1,2024-01-01\n", /view `shops`: `shop` is null in some rows/],
    ["shop,rating,ts\nx,1,\n", /`ts` is null for 1 entities/],
    ["shop,rating,ts\nx,1,yesterday\n", /reading the rows of view `shops` failed/],
    ["shop,rating,ts\n", /the data has no rows/],
  ])("bad data %#: the store stays as it was", async (csv, message) => {
    const folder = copy();
    cpSync(join(fixture(name), "data", "online_store.db"), join(folder, "data", "online_store.db"));
    const file = join(folder, "bad.csv");
    writeFileSync(file, csv);
    await expect(materialize(folder, { views: ["shops"], data: [file] })).rejects.toThrow(message);
    expect(rowsOf(join(folder, "data", "online_store.db"), "every_shops")).toHaveLength(2);
  });
});

describe("Redis", () => {
  test("the hashes are Feast's, byte for byte; what is as new stays; the command and its counterpart", async () => {
    const server = await startRedis();
    const folder = copy(`127.0.0.1:${server.port}`);
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [MERLON, "feast", "materialize", folder]);
    expect(stdout).toContain("✔ values: 3 of 3 entities written");
    const client = server.client();
    const hashes: Record<string, Record<string, string>> = {};
    for (const key of await client.keysBuffer("*")) {
      const flat = (await client.callBuffer("HGETALL", key)) as Buffer[];
      const fields: Record<string, string> = {};
      for (let i = 0; i < flat.length; i += 2) fields[flat[i]!.toString("hex")] = flat[i + 1]!.toString("hex");
      hashes[key.toString("hex")] = fields;
    }
    expect(hashes).toEqual(hashesOf(name));
    expect((await materialize(folder, {})).map(of => of.written)).toEqual([0, 0, 0, 0, 0]);
    const asked = [
      "feast",
      "get",
      folder,
      "--service",
      "visit",
      "--key",
      "user_id=1,99",
      "--key",
      "shop=süd,north",
      "--format",
      "json",
    ];
    const got = await run(process.execPath, [MERLON, ...asked]);
    expect(JSON.parse(got.stdout)).toEqual([
      {
        user_id: 1,
        shop: "süd",
        "values:i64": "9007199254740993",
        "values:text": "Zürich 漢字 🦀",
        "pairs:visits": 5,
        "shops:rating": 3.5,
      },
      {
        user_id: 99,
        shop: "north",
        "values:i64": null,
        "values:text": null,
        "pairs:visits": null,
        "shops:rating": 4.5,
      },
    ]);
    await server.stop();
  });
});

describe("get", () => {
  test.each([
    [
      { views: ["pairs"], keys: new Map([["user_id", ["1"]]]) },
      "is looked up by `shop` too. Give it with `--key shop=…`.",
    ],
    [
      {
        views: ["pairs"],
        keys: new Map([
          ["user_id", ["1", "2"]],
          ["shop", ["x"]],
        ]),
      },
      "2 values of `user_id` and 1 values of `shop`: they pair by position",
    ],
    [{ views: ["values"], keys: new Map([["user_id", ["1.5"]]]) }, "`user_id` is INT64 and `1.5` is not an integer"],
    [{ views: ["codes"], keys: new Map([["code", ["3000000000"]]]) }, "beyond"],
    [{ views: ["values"], features: ["agee"], keys: new Map([["user_id", ["1"]]]) }, "has no feature `agee`"],
    [{ service: "visits", keys: new Map() }, "has no service `visits`; it has `visit`"],
    [{ keys: new Map() }, "name a view with `--view`"],
  ])("%#", async (question, message) => {
    await expect(getFeatures(fixture(name), question as Parameters<typeof getFeatures>[1])).rejects.toThrow(message);
  });
});
