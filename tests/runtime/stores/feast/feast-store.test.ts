import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { builtUrl } from "../../../needs/built.js";
import { manyRows, writeOneView } from "./one-view.js";

test("a large store is read by a thread, which the process waits for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-large-store-"));
  const rows = manyRows(12_000);
  writeOneView(folder, { ...rows, id: rows.id.map(id => 3n * id) });
  const file = join(folder, "data", "online_store.db");
  expect(statSync(file).size).toBeGreaterThan(4 << 20);
  const module = (path: string) => JSON.stringify(builtUrl(path));
  const script = join(folder, "ask.mjs");
  writeFileSync(
    script,
    `import { openSnapshotStore } from ${module("runtime/stores/feast/snapshot-store.js")};
import { readFeastRepository } from ${module("formats/feast/feast-repository.js")};
const [view] = readFeastRepository(${JSON.stringify(folder)}).registry.views;
const reader = await openSnapshotStore(${JSON.stringify(file)}, 3, 2 ** 28).prepare([{ view, features: view.features }], { bytes: "utf8", eventTimes: false });
const keys = { dtype: "int64", rows: { count: 3 }, values: BigInt64Array.of(${3 * 11_999}n, 1n, 0n) };
const [, { values, status }] = reader.getOnline(new Map([["id", keys]]), 3);
console.log(JSON.stringify([values.map(v => v.slice(0, 6)), [...status]]));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  expect(JSON.parse(stdout)).toEqual([
    ["11999 ", "", "0 xxxx"],
    [1, 0, 1],
  ]);
  rmSync(folder, { recursive: true });
});
