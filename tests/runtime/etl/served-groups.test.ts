/**
 * A workflow that groups, served: an answer about groups has a row a group, as Merlin's has. Each `__offsets` counts the items of one group.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { importNvtabular } from "#cli/import-nvtabular.js";
import { createTestServer } from "#runtime/testing/index.js";
import { merlon } from "../../cli/merlon-command.js";
import { inFolder } from "./run-workflow.js";

vi.setConfig({ testTimeout: 180_000 });

const EXPORTED = fileURLToPath(new URL("../../fixtures/nvtabular-import/getting-started/exported", import.meta.url));

const PROGRAM = `import { ensemble, rename, source, transformWorkflow } from "merlon";

const clicks = source({ session_id: "int64", item_id: "int32", category: "int32", age_days: "float32", weekday_sin: "float32", day: "int64" });

export default ensemble("sessions", clicks >> transformWorkflow("etl", { changesRows: true }) >> rename({ postfix: "_out" }));
`;

const tensor = (name: string, datatype: string, data: readonly number[]) => ({
  name,
  datatype,
  shape: [data.length],
  data,
});
// Session 5 has one click, so that the workflow's filter drops it.
const REQUEST = {
  inputs: [
    tensor("session_id", "INT64", [7, 5, 7, 3, 3, 7]),
    tensor("item_id", "INT32", [1, 2, 3, 4, 5, 6]),
    tensor("category", "INT32", [1, 2, 3, 4, 5, 6]),
    tensor("age_days", "FP32", [0, 1, 2, 3, 4, 5]),
    tensor("weekday_sin", "FP32", [0, 0, 0, 1, 1, 1]),
    tensor("day", "INT64", [70, 50, 71, 30, 31, 72]),
  ],
};

interface Answer {
  readonly outputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: readonly number[];
  }[];
}

test.each([
  { args: [], model: "sessions" },
  { args: ["--names", "merlin"], model: "executor_model" },
  { args: ["--layout", "ensemble"], model: "sessions" },
])("$model, built with $args", async ({ args, model }) => {
  await inFolder(async folder => {
    await importNvtabular(EXPORTED, { out: join(folder, "etl") });
    writeFileSync(join(folder, "main.ensemble.ts"), PROGRAM);
    const built = await merlon(folder, "build", "main.ensemble.ts", "--out", "repository", ...args);
    expect([built.status, built.err]).toEqual([0, ""]);
    await using server = await createTestServer(join(folder, "repository"));
    const response = await fetch(`${server.http}/v2/models/${model}/infer`, {
      method: "POST",
      body: JSON.stringify(REQUEST),
    });
    const { outputs } = (await response.json()) as Answer;
    const found = Object.fromEntries(outputs.map(({ name, shape, data }) => [name, { shape, data }]));
    expect(found).toMatchObject({
      session_id_out: { shape: [2], data: [7, 3] },
      "day-first_out": { shape: [2], data: [70, 30] },
      "age_days-list_out__values": { shape: [5], data: [0, 2, 5, 3, 4] },
      "age_days-list_out__offsets": { shape: [3], data: [0, 3, 5] },
      "item_id-list_out__offsets": { shape: [3], data: [0, 3, 5] },
    });
    // There are no offsets of request rows beside those of groups.
    expect(
      Object.keys(found)
        .filter(name => name.endsWith("__offsets"))
        .toSorted(),
    ).toEqual(["age_days", "category", "item_id", "weekday_sin"].map(name => `${name}-list_out__offsets`));
  });
});
