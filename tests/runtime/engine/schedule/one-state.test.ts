// A SQLite store that is rewritten while a request runs. Its steps see the store as the first of them saw it; the next request sees the new
// one.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import { parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { context, noModels, plain, scalars } from "../../../operators/step.js";
import { until } from "../../../run/wait.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-one-state-"));
afterAll(() => rmSync(folder, { recursive: true }));

const visits = (id: string) => ({
  id,
  label: id,
  op: "queryFeast",
  params: {
    repository: "f",
    view: "pairs",
    entityColumn: { user_id: "user_id", shop: "shop" },
    features: { [id]: "visits" },
    onMissing: "null",
  },
  inputs: { input: ["user_id", "shop"].map(name => ({ name, step: "request", column: name })) },
  outputs: [column(id, "int64")],
  artefacts: { repository: "features" },
});
const plan = parsePlan(
  JSON.stringify({
    format: "merlon/plan",
    version: 1,
    kind: "ensemble",
    name: "p",
    inputs: [column("user_id", "int64"), column("shop", "string")],
    steps: [visits("early"), visits("late")],
    outputs: ["early", "late"].map(id => ({
      ref: { name: id, step: id, column: id },
      schema: column(id, "int64"),
    })),
  }),
  "plan.json",
);
const asked = new Map([
  ["user_id", scalars("int64", [1n])],
  ["shop", scalars("string", ["north"])],
]);

test("steps of one request see one state of a store", async () => {
  const source = fileURLToPath(new URL("../../../fixtures/feast/every-0.67-k3", import.meta.url));
  cpSync(source, join(folder, "features"), { recursive: true });
  // The first request's second step waits until others see the new store.
  let release!: () => void;
  let gate: Promise<void> | undefined = new Promise(resolve => {
    release = resolve;
  });
  const executable = await preparePlan(plan, {
    folder,
    models: noModels,
    middleware: async (step, prepare) => {
      const kernel = await prepare();
      if (step.id === "early") return kernel;
      return {
        ...kernel,
        run: async (inputs, runContext) => {
          const waits = gate;
          gate = undefined;
          await waits;
          return kernel.run(inputs, runContext);
        },
      };
    },
  });
  const ask = async () => [...(await executable.run(asked, context())).columns.values()].map(col => plain(col)[0]);
  const first = ask();
  const db = new Database(join(folder, "features", "data", "online_store.db"));
  // Field 4 (int64), the value 42.
  db.prepare("UPDATE every_pairs SET value = ?").run(Buffer.from([0x20, 42]));
  db.close();
  const changed = await until("the changed value", async () => {
    const [one, other] = await ask();
    // Never one step of the old and one of the new.
    expect(one).toBe(other);
    return one !== 3n && one;
  });
  expect(changed).toBe(42n);
  release();
  expect(await first).toEqual([3n, 3n]);
  await executable.close();
});
