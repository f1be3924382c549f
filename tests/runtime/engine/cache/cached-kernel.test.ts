import { describe, expect, test } from "vitest";
import type { AnyStep, StepCache } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { type Column, childRows } from "#runtime/base/columns/table.js";
import { cachedKernel } from "#runtime/engine/cache/cached-kernel.js";
import type { Inputs, PreparedKernel } from "#runtime/engine/schedule/kernel.js";
import { createCounters } from "#runtime/engine/schedule/stage-counters.js";
import type { createManualClock } from "#runtime/testing/manual-clock.js";
import { context, grouped, lists, makeStep, noModels, scalars, vectors } from "../../../operators/step.js";

/** Counts which rows it computes: x · 10, and the text of x. */
function counting() {
  const computed: number[][] = [];
  const kernel: PreparedKernel = {
    run: ({ input }) => {
      const x = input![0]!;
      computed.push([...(x.values as Float32Array)]);
      const { rows } = x;
      const texts = Array.from(x.values as Float32Array, value => `#${value}`);
      return [
        { dtype: "float32", rows, values: (x.values as Float32Array).map(value => value * 10) },
        { dtype: "string", rows, values: texts },
      ];
    },
  };
  return { kernel, computed };
}
const step = makeStep("predictOnnx", {
  params: { path: "m", model: "m", inputs: {}, outputs: {} },
  inputs: { input: ["x", "y"] },
  outputs: [column("ten", "float32"), column("text", "string")],
}) as AnyStep;

function cached(
  cache: Partial<StepCache>,
  kernel: PreparedKernel,
  of = step,
  models = noModels,
  clock?: ReturnType<typeof createManualClock>,
) {
  const tally = createCounters(of);
  const made = cachedKernel(
    of,
    { ttlSeconds: 60, maxRows: 100, ...cache },
    kernel,
    { folder: ".", models, clock },
    tally,
  );
  const ask = async (x: number[], y: number[] = x) => {
    const rows = { count: x.length };
    const inputs: Inputs = { input: [scalars("float32", x, rows), scalars("int64", y, rows)] };
    return (await made.run(inputs, context())) as readonly Column[];
  };
  return { ask, made, tally };
}

describe("a cached stage", () => {
  test("starts again when the model that it keeps answers of is loaded again", async () => {
    const { kernel, computed } = counting();
    let loaded = {};
    const { ask } = cached({}, kernel, step, { ...noModels, loaded: () => loaded });
    await ask([1]);
    loaded = {};
    await ask([1]);
    await ask([1]);
    expect(computed).toEqual([[1], [1]]);
  });
  test("keeps what a row made of rows of its own, lists, vectors and nulls", async () => {
    const finding = makeStep("queryFaiss", {
      params: { path: "i" },
      inputs: { input: ["x"] },
      outputs: [
        column("id", "int64", { rows: "s1" }),
        column("tags", "string", { rows: "s1", list: { min: 0, max: null } }),
      ],
    }) as AnyStep;
    let runs = 0;
    /** x candidates for the row x, each with as many tags. */
    const kernel: PreparedKernel = {
      run: ({ input }) => {
        runs++;
        const counts = [...(input![0]!.values as Float32Array)];
        const offsets = Int32Array.from([0, ...counts]);
        for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
        const rows = childRows(input![0]!.rows, offsets);
        const items = counts.flatMap(n => Array.from({ length: n }, (_, i) => i));
        return [
          scalars(
            "int64",
            items.map(i => (i === 1 ? null : i)),
            rows,
          ),
          lists(
            "string",
            items.map(i => Array.from({ length: i }, () => `t${i}`)),
            rows,
          ),
        ];
      },
    };
    const { made } = cached({}, kernel, finding);
    const ask = async (x: number[]) => {
      const columns = (await made.run({ input: [scalars("float32", x)] }, context())) as readonly Column[];
      expect(columns[0]!.rows).toBe(columns[1]!.rows);
      return columns.map(grouped);
    };
    const three = [
      [0n, null, 2n],
      [[], ["t1"], ["t2", "t2"]],
    ];
    expect(await ask([3, 0])).toEqual([
      [three[0], []],
      [three[1], []],
    ]);
    expect(await ask([0, 3, 3])).toEqual([
      [[], three[0], three[0]],
      [[], three[1], three[1]],
    ]);
    expect(runs).toBe(1);
  });
  test("distinguishes vectors and texts that look alike", async () => {
    let runs = 0;
    const kernel: PreparedKernel = {
      run: ({ input }) => {
        runs += input![0]!.rows.count;
        return [scalars("int64", Array(input![0]!.rows.count).fill(1), input![0]!.rows)];
      },
    };
    const of = makeStep("queryEmbedding", {
      params: { path: "t", dimension: 1 },
      inputs: { input: ["v", "s"] },
      outputs: [column("n", "int64")],
    }) as AnyStep;
    const { made } = cached({}, kernel, of);
    const rows = { count: 4 };
    const v = vectors(
      "float32",
      [
        [1, 2],
        [1, 2],
        [2, 1],
        [1, 2],
      ],
      2,
      rows,
    );
    const s = lists("string", [["a", "b"], ["a,b"], ["a", "b"], ["a", "b"]], rows);
    await made.run({ input: [v, s] }, context());
    expect(runs).toBe(3);
  });
});
