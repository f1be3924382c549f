// `queryFeast` beyond one view by one key: several keys, several views in one read, bytes, `ttl`, and candidates that are left out.
import { cpSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import {
  candidates,
  column,
  context,
  grouped,
  type Item,
  plain,
  prepare,
  run,
  scalars,
} from "../../tests/operators/step.js";
import "../../tests/needs/built.js";
import { until } from "../../tests/run/wait.js";

const folder = fileURLToPath(new URL("../../tests/fixtures/feast", import.meta.url));
const artefacts = { repository: "every-0.67-k3" };
const int = (name: string) => column(name, "int64");

const visits = (params: Record<string, unknown> = {}) => ({
  params: {
    repository: "features",
    view: "pairs",
    entityColumn: { user_id: "who", shop: "where" },
    features: { visits: "visits" },
    onMissing: "null" as const,
    ...params,
  },
  inputs: { input: ["who", "where"] },
  outputs: [int("visits")],
  artefacts,
});
const ask = (step: Parameters<typeof run<"queryFeast">>[1], ...input: ReturnType<typeof scalars>[]) =>
  run("queryFeast", step, { input }, context(), folder);

describe("several join keys", () => {
  const who: Item[] = [1n, 2n, 1n, 1n, null, 2n];
  const where: Item[] = ["süd", "north", "north", "süd", "north", null];
  test.each([0, 256])("doubled, unknown and null tuples; %i MB of memory", async memoryMb => {
    const [found] = await ask(visits({ memoryMb }), scalars("int64", who), scalars("string", where));
    expect(plain(found!)).toEqual([5n, 7n, 3n, 5n, null, null]);
  });
});

test("an entity that one view lacks is unknown there, whatever others have of it", async () => {
  const step = {
    ...visits({
      ...{ view: ["values", "pairs"], onMissing: "error" },
      features: { text: "values:text", visits: "pairs:visits" },
    }),
    outputs: [column("text", "string"), int("visits")],
  };
  await expect(ask(step, scalars("int64", [-2n]), scalars("string", ["north"]))).rejects.toThrow(
    "view `pairs` has no entity with user_id -2, shop north (columns `who`, `where`, row 0).",
  );
});

describe("ttl", () => {
  afterEach(() => vi.useRealTimers());
  // The fixture's rows are of 2024-01-01 12:30 and of 2020-05-05; the view's ttl is 30 days.
  const now = (iso: string) => vi.useFakeTimers({ now: new Date(iso), toFake: ["Date"] });
  const pair = () => [scalars("int64", [1n, 1n]), scalars("string", ["north", "süd"])] as const;
  test.each([0, 256])("an old value is missing, a fresh one is there; %i MB of memory", async memoryMb => {
    now("2024-01-20T00:00:00Z");
    expect(plain((await ask(visits({ ttl: true, memoryMb }), ...pair()))[0]!)).toEqual([3n, null]);
    expect(plain((await ask(visits({ ttl: 60, memoryMb }), ...pair()))[0]!)).toEqual([null, null]);
    expect(plain((await ask(visits({ ttl: 1e9, memoryMb }), ...pair()))[0]!)).toEqual([3n, 5n]);
    expect(plain((await ask(visits({ memoryMb }), ...pair()))[0]!)).toEqual([3n, 5n]);
    await expect(ask(visits({ ttl: true, onMissing: "error" }), ...pair())).rejects.toThrow(
      "view `pairs` has no fresh `visits` for user_id 1, shop süd (columns `who`, `where`, row 1): its value is older than the ttl.",
    );
  });
});

describe("candidates without features are left out", () => {
  const drop = (onMissing: "drop" | Record<string, "drop" | "null">) => ({
    params: {
      repository: "f",
      view: "values",
      entityColumn: "u",
      includeId: true,
      features: { i64: "i64", text: "text" },
      onMissing,
    },
    inputs: { input: ["u"] },
    outputs: [column("user_id", "int64"), int("i64"), column("text", "string")],
    artefacts,
  });
  const big = 2n ** 53n + 1n;
  test("of each user's own, unknown ones; one with a stored null stays, as null", async () => {
    const asked = candidates("int64", [[99n, 1n, big], [], [98n], [-2n, 1n]]);
    const found = await ask(drop("drop"), asked);
    expect(found.map(grouped)).toEqual([
      [[1n, big], [], [], [-2n, 1n]],
      [[big, 0n], [], [], [-(2n ** 62n), big]],
      [["Zürich 漢字 🦀", null], [], [], ["", "Zürich 漢字 🦀"]],
    ]);
    expect(found[0]!.rows.parent).toBe(asked.rows.parent);
    expect(new Set(found.map(col => col.rows)).size).toBe(1);
  });
});

describe("the store in memory", () => {
  const scratch = mkdtempSync(join(tmpdir(), "merlon-snapshot-"));
  afterAll(() => rmSync(scratch, { recursive: true }));
  const copy = (name: string) => cpSync(join(folder, "every-0.67-k3"), join(scratch, name), { recursive: true });
  const file = (name: string) => join(scratch, name, "data", "online_store.db");

  test("a file that breaks is not loaded; the last good state stays in use", async () => {
    copy("broken");
    const warnings: string[] = [];
    const warn = (warning: Error) => warnings.push(warning.message);
    process.on("warning", warn);
    const kernel = await prepare("queryFeast", { ...visits(), artefacts: { repository: "broken" } }, scratch);
    const read = async () =>
      plain((await kernel.run({ input: [scalars("int64", [1n]), scalars("string", ["north"])] }, context()))[0]!)[0];
    const db = new Database(file("broken"));
    db.exec("DROP TABLE every_pairs");
    db.close();
    utimesSync(file("broken"), 1, 1);
    await until("a warning", async () => {
      expect(await read()).toBe(3n);
      return warnings.length > 0;
    });
    expect(warnings).toEqual([
      expect.stringMatching(/has no table `every_pairs`.* What was read before is served on\./),
    ]);
    process.off("warning", warn);
    await kernel.close?.();
  });

  test("a store whose keys are of another version, or whose tables are none of Feast's", async () => {
    copy("odd");
    const step = { ...visits(), artefacts: { repository: "odd" } };
    const db = new Database(file("odd"));
    const old = new Database(join(folder, "every-0.67-k2", "data", "online_store.db"), { readonly: true });
    const key = old.prepare("SELECT entity_key FROM every_pairs LIMIT 1").pluck().get();
    old.close();
    db.exec("DELETE FROM every_pairs");
    db.prepare("INSERT INTO every_pairs (entity_key, feature_name, value) VALUES (?, 'visits', x'2003')").run(key);
    await expect(prepare("queryFeast", step, scratch)).rejects.toThrow(
      /table `every_pairs` .* holds keys of version 2, and feature_store\.yaml says 3\. Correct `entity_key_serialization_version`/,
    );
    db.exec(
      "DELETE FROM every_pairs; INSERT INTO every_pairs (entity_key, feature_name, value) VALUES (x'00', 'visits', x'2003')",
    );
    await expect(prepare("queryFeast", step, scratch)).rejects.toThrow(
      /holds other keys than INT64 `user_id`, STRING `shop`, which the registry names/,
    );
    db.exec("DROP TABLE every_pairs; CREATE TABLE every_pairs (entity_key BLOB, name TEXT)");
    await expect(prepare("queryFeast", step, scratch)).rejects.toThrow(
      /table `every_pairs` .* has no column `feature_name`, `value`, `event_ts`: Feast did not make it/,
    );
    db.close();
  });
});
