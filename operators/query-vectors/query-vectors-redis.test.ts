// `queryVectors` over a real Redis: users' values of any characters, in conditions that a program's own functions make.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Expression } from "#contract/expression.js";
import { column, context, grouped, lists, prepare, scalars, vectors } from "../../tests/operators/step.js";
import {
  ATTRIBUTES,
  DIMENSION,
  exactly,
  HOSTILE,
  type Item,
  makeItems,
  makeQueries,
} from "../../tests/runtime/stores/databases/items.js";
import { redisStore } from "../../tests/runtime/stores/databases/redis-sets.js";
import { loadItems } from "../../tests/runtime/stores/databases/stores.js";
import { startRedis, type TestRedis } from "../../tests/runtime/stores/feast/redis-server.js";

const items = makeItems(1500);
const queries = makeQueries(8);
const folder = mkdtempSync(join(tmpdir(), "merlon-vectors-redis-"));
let server: TestRedis;

beforeAll(async () => {
  server = await startRedis();
  vi.stubEnv("TEST_REDIS_URL", `redis://127.0.0.1:${server.port}`);
  writeFileSync(join(folder, "items.vectors.yaml"), JSON.stringify(redisStore({ index: "none" })));
  await loadItems(redisStore(), items);
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
  await server.stop();
});

const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
const item = (name: string): Expression => ({ column: `item.${name}` });
const user = (name: string): Expression => ({ column: `user.${name}` });

interface User {
  readonly country: string | null;
  readonly countries: readonly string[];
  readonly budget: number | null;
  readonly member: boolean | null;
}

/** The conditions as a program's functions are compiled, and as JavaScript. */
const CONDITIONS: readonly (readonly [Expression, (item: Item["attributes"], user: User) => boolean])[] = [
  [call("equal", item("country"), user("country")), (i, u) => i.country === (u.country ?? undefined)],
  [call("not", call("equal", item("country"), user("country"))), (i, u) => i.country !== (u.country ?? undefined)],
  [call("textsInclude", user("countries"), item("country")), (i, u) => u.countries.includes(i.country as string)],
  [
    call("not", call("textsInclude", user("countries"), item("country"))),
    (i, u) => !u.countries.includes(i.country as string),
  ],
  [call("less", item("price"), user("budget")), (i, u) => (i.price as number) < (u.budget ?? Number.NaN)],
  [
    call("not", call("less", item("price"), user("budget"))),
    (i, u) => !((i.price as number) < (u.budget ?? Number.NaN)),
  ],
  [
    call("or", call("not", item("adult")), user("member")),
    (i, u) => i.adult === undefined || i.adult === false || u.member === true,
  ],
];

const stepOf = (conditions: readonly Expression[]) => ({
  params: {
    store: "items.vectors.yaml",
    type: "redis",
    dimension: DIMENSION,
    topk: 6,
    includeDistances: true,
    where: { text: "…", conditions: [...conditions], attributes: ATTRIBUTES },
  },
  inputs: { input: ["query"], user: ["country", "countries", "budget", "member"] },
  outputs: [column("candidate_ids", "int64", { rows: "s1" }), column("candidate_distances", "float32", { rows: "s1" })],
  artefacts: { store: "items.vectors.yaml" },
});

const inputsOf = (users: readonly User[]) => ({
  input: [
    vectors(
      "float32",
      users.map((_, i) => [...queries[i]!]),
      DIMENSION,
    ),
  ],
  user: [
    scalars(
      "string",
      users.map(({ country }) => country),
    ),
    lists(
      "string",
      users.map(({ countries }) => [...countries]),
    ),
    scalars(
      "float64",
      users.map(({ budget }) => budget),
    ),
    scalars(
      "bool",
      users.map(({ member }) => member),
    ),
  ],
});

const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.constantFrom('" or 1 == 1 or "', "%22", "de\\", "'] or .stock > 0 or .country in ['", "\0", "\ud800"),
  fc.string({ unit: "binary" }),
);
const users: fc.Arbitrary<User> = fc.record({
  country: fc.option(text),
  countries: fc.array(text, { maxLength: 4 }),
  budget: fc.option(fc.oneof(fc.double(), fc.constantFrom(0, 50, 1e-7, 1e300, -1e300, Number.POSITIVE_INFINITY))),
  member: fc.option(fc.boolean()),
});

test("each user's values decide by themselves, whatever they hold, in a batch as one by one", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(CONDITIONS.length - 1), { minLength: 1, maxLength: 3 }),
      fc.array(users, { minLength: 1, maxLength: queries.length }),
      async (picked, some) => {
        const conditions = picked.map(i => CONDITIONS[i]!);
        const kernel = await prepare("queryVectors", stepOf(conditions.map(([expression]) => expression)), folder);
        const [ids, distances] = (await kernel.run(inputsOf(some), context())).map(grouped);
        for (const [row, one] of some.entries()) {
          const kept = items.filter(({ attributes }) => conditions.every(([, holds]) => holds(attributes, one)));
          const wanted = exactly(kept, { vector: queries[row]!, k: 6, filter: { always: true } });
          expect(ids![row]).toEqual(wanted.map(({ id }) => id));
          for (const [j, { score }] of wanted.entries()) expect(distances![row]![j]).toBeCloseTo(score, 5);
        }
        await kernel.close?.();
      },
    ),
    { numRuns: 60, seed: 17 },
  );
}, 120_000);

test("a condition on parts of texts is refused when the plan is loaded", async () => {
  const prepared = prepare("queryVectors", stepOf([call("startsWith", item("country"), user("country"))]), folder);
  await expect(prepared).rejects.toThrow(/uses `startsWith` of `item\.country`, which redis cannot test/);
});
