import { expect, test } from "vitest";
import { candidates, column, plain, run } from "../../tests/operators/step.js";

const condition = { call: "greater" as const, args: [{ column: "margin" }, { number: 0.4 }] };

test("a boost changes the scores of the rows that its condition holds for, and copies them", async () => {
  const margin = candidates("float32", [[0.5, 0.1], [], [Number.NaN, 0.9]]);
  const score = { ...candidates("float32", [[1, 2], [], [3, -4]]), rows: margin.rows };
  const half = { ...score, dtype: "float16" as const, values: new Uint16Array(4) };
  const init = {
    params: { text: "m > 0.4", condition, score: "score", multiply: 2, add: 1 },
    inputs: { input: ["margin", "score", "half"] },
    outputs: [
      column("margin", "float32", { rows: "r" }),
      column("score", "float32", { rows: "r" }),
      column("half", "float16", { rows: "r" }),
    ],
  };
  const made = await run("boost", init, { input: [margin, score, half] });
  expect(plain(made[1]!)).toEqual([3, 2, 3, -7]);
  expect(made[0]).toBe(margin);
  expect(made[1]!.rows).toBe(margin.rows);
  expect(plain(score)).toEqual([1, 2, 3, -4]);
});
