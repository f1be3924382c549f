/** Data at the edges: fit, kernels, SQL and the server agree on what it means. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fitCells, inFolder, throughKernels, throughSql } from "./run-workflow.js";
import { type RowServer, startRowServer } from "./served-rows.js";
import type { Cell, Cells } from "./table-values.js";
import { type Link, workflowPlan } from "./workflow-plan.js";

let server: RowServer;
beforeAll(async () => {
  server = await startRowServer();
});
afterAll(() => server.close());

/** The kernels' result, once SQL and server agree. */
async function agreed(
  types: Readonly<Record<string, string>>,
  links: readonly Link[],
  fit: Cells,
  request: Cells = fit,
): Promise<Record<string, Cell[]>> {
  return inFolder(async folder => {
    const plan = await fitCells(folder, workflowPlan(types, links), fit);
    const kernels = await throughKernels(folder, plan, request);
    expect((await throughSql(folder, plan, request)).cells, "SQL").toEqual(kernels);
    expect(await server.answers(folder, plan, request, "one by one"), "server").toEqual(kernels);
    return kernels;
  });
}

describe("infinities", () => {
  const request = { x: ["inf", "-inf", null, 0] };
  test.each<[string, Link, Cell[]]>([
    ["clip", { op: "clip", params: { min: -1, max: 1 } }, [1, -1, null, 0]],
    ["fillMissing", { op: "fillMissing", params: { fillValue: 7 } }, ["inf", "-inf", 7, 0]],
    ["logOp", { op: "logOp" }, ["inf", null, null, 0]],
    ["bucketize", { op: "bucketize", params: { boundaries: [-1, 1] } }, [2, 0, 2, 1]],
    ["normalizeMinMax", { op: "normalizeMinMax" }, ["inf", "-inf", null, 0]],
    ["categorify", { op: "categorify" }, [2, 2, 1, 3]],
    ["dropna", { op: "dropna" }, ["inf", "-inf", 0]],
    ["reduceDtypeSize", { op: "reduceDtypeSize" }, ["inf", "-inf", null, 0]],
  ])("%s", async (_, link, expected) => {
    expect(await agreed({ x: "float64" }, [link], { x: [0, 2, 0] }, request)).toEqual({ x: expected });
  });

  test("are values that a vocabulary may hold", async () => {
    const fit = { x: ["inf", "inf", "-inf", 1, null] };
    expect(await agreed({ x: "float64" }, [{ op: "categorify" }], fit)).toEqual({ x: [3, 3, 4, 5, 1] });
  });
});

describe("integers beyond 2^53", () => {
  const big = ["9007199254740993", "9007199254740992", "-9223372036854775808", "9223372036854775807"];
  test.each<[string, Link, Record<string, Cell[]>]>([
    ["are values of their own", { op: "categorify" }, { x: [5, 4, 3, 6] }],
    ["keep their dtype where they need it", { op: "reduceDtypeSize" }, { x: big }],
    ["are filled exactly", { op: "fillMissing", params: { fillValue: 0 } }, { x: big }],
  ])("%s", async (_, link, expected) => {
    expect(await agreed({ x: "int64" }, [link], { x: big })).toEqual(expected);
  });

  test("join and group exactly", async () => {
    const made = await agreed(
      { g: "int64", x: "int64" },
      [{ op: "joinGroupby", params: { stats: ["count", "max"] }, columns: ["g"], ports: { of: ["x"] } }],
      { g: [big[0]!, big[1]!, big[0]!], x: [big[3]!, 1, 2] },
    );
    expect(made).toMatchObject({ g_count: [2, 1, 2], g_x_max: [big[3], 1, big[3]] });
  });
});

describe("a column that is always null", () => {
  test.each<[string, Link, Record<string, Cell[]>]>([
    ["has a vocabulary of nothing", { op: "categorify" }, { x: [1, 2] }],
    ["stays as it is", { op: "reduceDtypeSize" }, { x: [null, 5] }],
    ["is described", { op: "dataStats" }, { x: [null, 5] }],
  ])("%s", async (_, link, expected) => {
    expect(await agreed({ x: "int64" }, [link], { x: [null, null] }, { x: [null, 5] })).toEqual(expected);
  });

  test("is a key like any other", async () => {
    const links: Link[] = [
      { op: "targetEncoding", params: { pSmooth: 0 }, columns: ["g"], ports: { target: ["y"] } },
      { op: "joinGroupby", params: { stats: ["count"] }, columns: ["g"] },
    ];
    const made = await agreed({ g: "string", y: "int64" }, links, { g: [null, null], y: [1, 0] });
    expect(made).toMatchObject({ TE_g_y: [0.5, 0.5], g_count: [2, 2] });
  });
});

test("numbers whose deviation no double holds are an error that names their column", async () => {
  await inFolder(async folder => {
    const plan = workflowPlan({ x: "float64" }, [{ op: "dataStats" }]);
    await expect(fitCells(folder, plan, { x: [1e200, -1e200] })).rejects.toThrow(/^describing column `x` failed: /);
  });
});

test("a value that grew out of its dtype is an error that names it, in kernel and SQL", async () => {
  await inFolder(async folder => {
    const plan = await fitCells(folder, workflowPlan({ x: "int64" }, [{ op: "reduceDtypeSize" }]), { x: [1, 100] });
    await expect(throughKernels(folder, plan, { x: [5, 1000] })).rejects.toThrow(
      "holds 1000 at place 1, which int8 can not hold",
    );
    await expect(throughSql(folder, plan, { x: [5, 1000] })).rejects.toThrow(/1000/);
  });
});

test("a list of another length than all that were fitted is an error, in kernel and SQL", async () => {
  await inFolder(async folder => {
    const plan = await fitCells(folder, workflowPlan({ x: "list<int64>" }, [{ op: "valueCount" }]), {
      x: [
        [1, 2],
        [3, 4],
      ],
    });
    await expect(throughKernels(folder, plan, { x: [[1, 2, 3]] })).rejects.toThrow(
      "has 3 values in row 0, and every list of the fitted data had 2",
    );
    await expect(throughSql(folder, plan, { x: [[1, 2, 3]] })).rejects.toThrow(/3/);
  });
});

test("a key that a joined file has twice is an error that names it", async () => {
  const link: Link = {
    op: "joinExternal",
    params: { path: "fit.parquet", on: "g", onExternal: "g", columns: { x: "int64" } },
    columns: ["g"],
  };
  await inFolder(async folder => {
    const fit = fitCells(folder, workflowPlan({ g: "int64", x: "int64" }, [link]), { g: [1, 1], x: [5, 6] });
    await expect(fit).rejects.toThrow('has the key "1" more than once');
  });
});
