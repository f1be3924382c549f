import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Plan, printPlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { merlonBackend } from "#runtime/server/backends/merlon.js";
import { datatype } from "#triton-protos/datatype.js";
import {
  at,
  recommendConfig as config,
  load,
  type Model,
  makeRequest,
  ragged,
  read,
  recommend,
  tensor,
  versionFolder,
} from "../served-plan.js";

const folders: string[] = [];
const folderOf = (plan: Plan | string) => {
  folders.push(versionFolder(plan));
  return folders.at(-1)!;
};
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

type User = readonly [id: bigint, query: readonly number[]];
const tensors = (users: readonly User[]) => [
  tensor(
    "user_id",
    "int64",
    [users.length, 1],
    users.map(u => u[0]),
  ),
  tensor(
    "query",
    "float32",
    [users.length, 4],
    users.flatMap(u => u[1]),
  ),
];

describe("a recommender in batching form", () => {
  let greedy: Model;
  let sampling: Model;
  beforeAll(async () => {
    greedy = await load(folderOf(recommend("greedy")), config);
    sampling = await load(folderOf(recommend("sample")), config, [11n, 12n]);
  });
  afterAll(async () => {
    await greedy.close();
    await sampling.close();
  });

  test("a user's answer: known, unknown, scalars [B, 1], candidates [B, longest]", async () => {
    const answer = read(
      await greedy.infer(
        tensors([
          [1n, [1, 0, 0, 0]],
          [99n, [0, 1, 0, 0]],
        ]),
      ),
    );
    expect(answer.age).toEqual([
      [2, 1],
      [31, 0],
    ]);
    const [shape, ids] = answer.ordered_ids!;
    expect(shape).toEqual([2, 5]);
    const scores = answer.ordered_scores![1] as number[];
    const expected = (ids as bigint[]).map((id, i) => Math.fround((Number(id % 7n) + (i < 5 ? 31 : 0)) / 10));
    expect(scores).toEqual(expected);
    expect(scores.slice(0, 5)).toEqual([...scores.slice(0, 5)].sort((a, b) => b - a));
  });

  const anyUser = fc.tuple(
    fc.constantFrom(1n, -2n, 9007199254740993n, 99n),
    fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 4, maxLength: 4 }),
  );
  test("a batch is its users one by one, greedy and sampled", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyUser, { minLength: 1, maxLength: 6 }),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        async (users, seed) => {
          for (const model of [greedy, sampling]) {
            const parameters = new Map([["seed", seed]]);
            const batch = read(await model.infer(tensors(users), parameters));
            const single = await Promise.all(users.map(async u => read(await model.infer(tensors([u]), parameters))));
            for (const name of ["ordered_ids", "ordered_scores", "age"]) {
              const [shape, values] = batch[name]!;
              const width = Number(shape[1]);
              single.forEach((one, i) => {
                const own = one[name]![1] as unknown[];
                const row = values.slice(i * width, (i + 1) * width) as unknown[];
                expect(row.slice(0, own.length)).toEqual(own);
                for (const pad of row.slice(own.length)) expect(pad).toEqual(name === "ordered_ids" ? -1n : Number.NaN);
              });
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("requests in one call are answered in their places; a fault is its request's alone", async () => {
    const good = makeRequest(tensors([[1n, [1, 0, 0, 0]]]), new Map(), ["age"]);
    const bad = makeRequest(tensors([[1n, [1, Number.NaN, 0, 0]]]), new Map(), ["age"]);
    const [first, second, third] = await greedy.execute([
      good,
      bad,
      makeRequest(tensors([[-2n, [1, 0, 0, 0]]]), new Map(), ["age"]),
    ]);
    expect(second).toBeInstanceOf(RuntimeFault);
    expect(second).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("step `retrieval` (queryFaiss): column `query` holds NaN at row 0, place 1"),
    });
    if (first instanceof RuntimeFault || third instanceof RuntimeFault) throw new Error("good requests fail");
    expect([read(first!), read(third!)]).toEqual([{ age: [[1, 1], [31]] }, { age: [[1, 1], [-5]] }]);
  });

  test("the server's seed by default, and timings on request", async () => {
    const ask = async (parameters?: Map<string, bigint | boolean>) =>
      sampling.infer(tensors([[1n, [1, 1, 0, 0]]]), parameters);
    const seeded = async (seed: bigint) => read(await ask(new Map([["seed", seed]])));
    const drawn = [read(await ask()), read(await ask())];
    expect(drawn).toContainEqual(await seeded(11n));
    expect(drawn).toContainEqual(await seeded(12n));
    const timed = await ask(new Map([["timings", true]]));
    expect([...new Map(timed.parameters).keys()]).toEqual([
      "timing.user",
      "timing.retrieval",
      "timing.filtering",
      "timing.pairs",
      "timing.ranking",
      "timing.ordering",
    ]);
    expect([...new Map(timed.parameters).values()].every(v => Number.isInteger(v) && (v as number) >= 0)).toBe(true);
    expect((await ask()).parameters).toBeUndefined();
  });

  test("what a request has wrong is said", async () => {
    const [user, query] = tensors([[1n, [1, 0, 0, 0]]]) as [ReturnType<typeof tensor>, ReturnType<typeof tensor>];
    await expect(greedy.infer([user])).rejects.toThrow("expected input 'query' and it is not in the request");
    await expect(greedy.infer([user, tensor("query", "float64", [1, 4], [1, 2, 3, 4])])).rejects.toThrow(
      "input 'query' is FP64 and the plan reads FP32",
    );
    await expect(greedy.infer([user, tensor("query", "float32", [1, 3], [1, 2, 3])])).rejects.toThrow(
      "input 'query' has the shape [1,3] and the plan reads float32[4] a row",
    );
    await expect(greedy.infer([user, tensor("query", "float32", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8])])).rejects.toThrow(
      "input 'query' has 2 rows and 'user_id' has 1",
    );
    await expect(greedy.infer([user, query], new Map([["seed", "soon"]]))).rejects.toThrow(
      "parameter 'seed' is \"soon\"; expected an integer",
    );
    for (const [name, value, seen] of [
      ["explain", "yes", '"yes"'],
      ["timings", 1n, "1"],
      ["stages", 0.5, "0.5"],
    ] as const)
      await expect(greedy.infer([user, query], new Map([[name, value]]))).rejects.toThrow(
        `parameter '${name}' is ${seen}; expected true or false`,
      );
  });
});

/** A plan that returns its inputs. */
const echo = (columns: Plan["inputs"]): Plan => ({
  format: "merlon/plan",
  version: 1,
  kind: "ensemble",
  name: "echo",
  inputs: columns,
  steps: [],
  outputs: columns.map(schema => ({ ref: at("request", schema.name), schema })),
});

describe("the form without a batch dimension", () => {
  const columns = [
    column("id", "int64"),
    column("v", "float32", { list: { min: 2, max: 2 } }),
    column("words", "string", ragged),
  ];
  const sides = [
    ["id", "TYPE_INT64", [-1]],
    ["v", "TYPE_FP32", [-1, 2]],
    ["words__values", "TYPE_STRING", [-1]],
    ["words__offsets", "TYPE_INT32", [-1]],
  ] as const;
  const tensorsOf = sides.map(([name, data_type, dims]) => ({ name, data_type, dims: [...dims] }));
  const unbatched = { name: "echo", backend: "merlon", max_batch_size: 0, input: tensorsOf, output: tensorsOf };
  const inputs = (offsets: number[]) => [
    tensor("id", "int64", [2], [1n, 2n]),
    tensor("v", "float32", [2, 2], [1, 2, 3, 4]),
    tensor("words__values", "string", [3], ["a", "", "ü"]),
    tensor("words__offsets", "int32", [offsets.length], offsets),
  ];

  test("scalars [n], vectors [n, d], lists as values and offsets", async () => {
    const model = await load(folderOf(echo(columns)), unbatched);
    expect(read(await model.infer(inputs([0, 1, 3])))).toEqual({
      id: [[2], [1n, 2n]],
      v: [
        [2, 2],
        [1, 2, 3, 4],
      ],
      words__values: [[3], ["a", "", "ü"]],
      words__offsets: [[3], [0, 1, 3]],
    });
    expect(Object.keys(read(await model.infer(inputs([0, 1, 3]), new Map(), ["words__offsets"])))).toEqual([
      "words__offsets",
    ]);
  });
  test.each([
    [[], "is empty"],
    [[1, 1, 3], "starts at 1"],
    [[0, 2, 1], "falls from 2 to 1 at place 2"],
    [[0, 1, 2], "ends at 2 and 'words__values' has 3 values"],
    [[0, 3], "has 1 rows and 'id' has 2"],
  ])("offsets %j are refused", async (offsets, text) => {
    const model = await load(folderOf(echo(columns)), unbatched);
    await expect(model.infer(inputs(offsets))).rejects.toThrow(text);
  });
  test("candidates travel as values and offsets", async () => {
    const pairs = config.output.flatMap(o =>
      o.name === "age"
        ? { ...o, dims: [-1] }
        : [
            { ...o, name: `${o.name}__values` },
            { name: `${o.name}__offsets`, data_type: "TYPE_INT32" as const, dims: [-1] },
          ],
    );
    const model = await load(folderOf(recommend("greedy")), {
      ...config,
      max_batch_size: 0,
      input: [
        { ...config.input[0], dims: [-1] },
        { ...config.input[1], dims: [-1, 4] },
      ],
      output: pairs,
    });
    const answer = read(
      await model.infer([
        tensor("user_id", "int64", [2], [1n, 99n]),
        tensor("query", "float32", [2, 4], [1, 0, 0, 0, 0, 1, 0, 0]),
      ]),
    );
    expect([answer.age, answer.ordered_ids__offsets, answer.ordered_ids__values![0]]).toEqual([
      [[2], [31, 0]],
      [[3], [0, 5, 10]],
      [10],
    ]);
    await model.close();
  });
});

test("every dtype is returned unchanged", async () => {
  const all = (["bool", "int8", "uint8", "int32", "int64", "uint64", "float32", "float64", "string"] as const).map(
    dtype => column(dtype, dtype),
  );
  const sides = all.map(({ dtype }) => ({ name: dtype, data_type: datatype(dtype).config, dims: [1] }));
  const model = await load(folderOf(echo(all)), {
    name: "echo",
    backend: "merlon",
    max_batch_size: 4,
    input: sides,
    output: sides,
  });
  const item = { bool: 1, int64: -(2n ** 62n), uint64: 2n ** 63n, string: "ü", float64: 0.1 } as Record<
    string,
    number | bigint | string
  >;
  const answer = read(await model.infer(all.map(({ dtype }) => tensor(dtype, dtype, [1, 1], [item[dtype] ?? 7]))));
  expect(answer).toEqual(Object.fromEntries(all.map(({ dtype }) => [dtype, [[1, 1], [item[dtype] ?? 7]]])));
});

describe("loading", () => {
  test("the models of a plan are its dependencies; a broken plan has none", async () => {
    expect(await merlonBackend.dependencies!(folderOf(recommend("greedy")), {} as never)).toEqual(["rank"]);
    expect(await merlonBackend.dependencies!(folderOf("{"), {} as never)).toEqual([]);
  });
  test.each([
    [
      "cut",
      printPlan(recommend("greedy")).slice(0, 500),
      /plan\.json is not JSON: .*Build it again with `merlon build`/,
    ],
    [
      "of another version",
      printPlan({ ...recommend("greedy"), version: 2 as 1 }),
      /plan\.json is a plan of version 2; this Merlon reads version 1/,
    ],
    [
      "with an unknown operator",
      printPlan(recommend("greedy")).replace('"queryFaiss"', '"queryFiass"'),
      /plan\.json: steps\.1\.op: /,
    ],
    [
      "that reads what nobody makes",
      printPlan(recommend("greedy")).replace('"column": "purchased_ids"', '"column": "bought"'),
      /step `filtering` \(filterCandidates\), port `filterOut` reads column `bought` of step `user`, which no earlier step makes/,
    ],
    [
      "that leaves its folder",
      printPlan(recommend("greedy")).replace("indexes/items.faiss", "../items.faiss"),
      /`\.\.\/items\.faiss` leaves the folder of the plan/,
    ],
  ])("a plan %s", async (_, text, message) => {
    await expect(load(folderOf(text), config)).rejects.toThrow(message);
  });
  test("no plan; a configuration of another plan; a broken artefact", async () => {
    const folder = folderOf(recommend("greedy"));
    await expect(load(folder, { ...config, output: config.output.slice(0, 2) })).rejects.toThrow(
      "output 'age' is missing in config.pbtxt of 'recommend', and plan.json has int32 `age`. Build the ensemble again.",
    );
    await expect(
      load(folder, { ...config, input: [{ ...config.input[0], data_type: "TYPE_INT32" }, config.input[1]] }),
    ).rejects.toThrow("input 'user_id' has the type TYPE_INT32 in config.pbtxt");
    writeFileSync(join(folder, "indexes", "items.faiss"), "IwFl but not really");
    await expect(load(folder, config)).rejects.toThrow(
      /^step `retrieval` \(queryFaiss\): .*items\.faiss is not a whole FAISS index/,
    );
    rmSync(join(folder, "plan.json"));
    await expect(load(folder, config)).rejects.toThrow(
      /plan\.json is missing\. Build the ensemble again with `merlon build`\./,
    );
  });
});
