// A step and the registry of its repository: features per view, the input of each join key, and faults where they disagree.
import { describe, expect, test } from "vitest";
import type { Step } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import type { FeastView } from "#formats/feast/feast-registry.js";
import type { FeastRepository } from "#formats/feast/feast-repository.js";
import { type FeastType, feastType } from "#formats/feast/feast-type.js";
import { prepareLookup } from "#runtime/stores/feast/feature-lookup.js";
import { makeStep } from "../../../operators/step.js";

const view = (name: string, keys: readonly string[], features: Readonly<Record<string, FeastType>>): FeastView => ({
  ...{ name, project: "p", entities: keys, ttlSeconds: null, online: true, source: null, version: 0 },
  joinKeys: keys.map(key => ({ name: key, type: "INT64" })),
  features: Object.entries(features).map(([of, type]) => ({ name: of, type, typeNumber: feastType(type).number })),
  ...{ storeName: name, table: `p_${name}` },
});
const users = view("users", ["user_id"], { age: "INT64", tags: "STRING_LIST" });
const items = view("items", ["item_id"], { age: "FLOAT", price: "DOUBLE" });
const pairs = view("pairs", ["user_id", "item_id"], { seen: "INT64" });
const newer: FeastView = { ...view("newer", ["user_id"], {}), features: [{ name: "x", type: null, typeNumber: 99 }] };
const repository = (...views: FeastView[]) =>
  ({
    registry: { views, entities: [], services: [], onDemandViews: [] },
    registryFile: "/r/registry.db",
  }) as unknown as FeastRepository;
const all = repository(users, items, pairs, newer);

type Params = Partial<Step<"queryFeast">["params"]>;
const lookup = (params: Params, inputs: readonly string[], outputs: readonly ReturnType<typeof column>[], of = all) =>
  prepareLookup(
    makeStep("queryFeast", {
      params: {
        repository: "r",
        view: "users",
        entityColumn: "user_id",
        onMissing: "null",
        features: {},
        ...params,
      } as never,
      inputs: { input: inputs },
      outputs,
    }),
    of,
    "/r",
  );
const said = (...of: Parameters<typeof lookup>): string => {
  try {
    lookup(...of);
    return "no fault";
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
};
const age = column("age", "int64");

describe("one view", () => {
  test("of two keys has an input for each, by name", () => {
    const params: Params = { view: "pairs", entityColumn: { user_id: "u" }, features: { seen: "seen" } };
    expect(lookup(params, ["item_id", "u"], [column("seen", "int64")]).joins).toEqual([
      { name: "user_id", column: "u", input: 1 },
      { name: "item_id", column: "item_id", input: 0 },
    ]);
    const none = "Build the ensemble again.";
    expect(said(params, ["item_id", "x"], [])).toBe(
      `INVALID_ARGUMENT: the plan names no column for the join key \`user_id\` of view \`pairs\`. ${none}`,
    );
    expect(said(params, ["u"], [])).toBe(
      `INVALID_ARGUMENT: the plan names no column for the join key \`item_id\` of view \`pairs\`. ${none}`,
    );
    expect(said({ ...params, view: ["users", "pairs"] }, ["x", "item_id"], [])).toBe(
      `INVALID_ARGUMENT: the plan names no column for the join key \`user_id\` of view \`users\`, view \`pairs\`. ${none}`,
    );
    expect(said({ ...params, entityColumn: "user_id" }, ["user_id", "item_id"], [])).toBe(
      `INVALID_ARGUMENT: the plan names no column for the join key \`user_id\` of view \`pairs\`. ${none}`,
    );
  });
});

describe("a fault", () => {
  test("names a view, with those that there are", () => {
    expect(said({ view: "gone" }, ["user_id"], [])).toBe(
      "NOT_FOUND: the Feast repository /r has no view `gone`; /r/registry.db names `users`, `items`, `pairs`, `newer`.",
    );
    expect(said({}, ["user_id"], [], repository())).toBe(
      "NOT_FOUND: the Feast repository /r has no view `users`; /r/registry.db names none.",
    );
  });
  test("names a feature, and one of another type", () => {
    const again = "Build the ensemble again.";
    expect(said({ features: { age: "size" } }, ["user_id"], [age])).toBe(
      "NOT_FOUND: view `users` has no feature `size`; build the ensemble again.",
    );
    expect(said({ features: { age: "age" } }, ["user_id"], [column("age", "int32")])).toBe(
      `INVALID_ARGUMENT: feature \`users:age\` is INT64 in the registry, and the plan has int32 for \`age\`. ${again}`,
    );
    expect(said({ features: { age: "tags" } }, ["user_id"], [column("age", "string")])).toMatch(/is STRING_LIST in/);
    expect(
      said({ features: { age: "age" } }, ["user_id"], [column("age", "int64", { list: { min: 0, max: null } })]),
    ).toMatch(/is INT64 in/);
    expect(
      said({ features: { age: "tags" } }, ["user_id"], [column("age", "string", { list: { min: 0, max: null } })]),
    ).toBe("no fault");
    expect(said({ view: "newer", features: { age: "x" } }, ["user_id"], [age])).toBe(
      `INVALID_ARGUMENT: feature \`newer:x\` is of Feast's type 99 in the registry, and the plan has int64 for \`age\`. ${again}`,
    );
  });
});
