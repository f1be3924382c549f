/** Merlin's schema files: what Merlon prints, merlin-core 23.08 read; what merlin-core prints, Merlon reads. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Schema } from "#contract/schema.js";
import {
  parseMerlinJson,
  parseMerlinPbtxt,
  printMerlinJson,
  printMerlinPbtxt,
} from "#formats/merlin-schema/merlin-schema.js";
import { SCHEMA_SAMPLE } from "./schema-sample.js";

const fixture = (name: string): string =>
  readFileSync(new URL(`../../fixtures/nvtabular/${name}`, import.meta.url), "utf8");

interface Understood {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly (null | readonly (number | null)[])[] | null;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, unknown>>;
}

describe("what Merlon prints", () => {
  test("is what merlin-core was given to read", () => {
    expect(printMerlinPbtxt(SCHEMA_SAMPLE)).toBe(fixture("ours.schema.pbtxt"));
    expect(printMerlinJson(SCHEMA_SAMPLE)).toBe(fixture("ours.schema.json"));
  });

  test.each(["pbtxt", "json"] as const)("means the same to merlin-core, from %s", form => {
    const seen = (JSON.parse(fixture("merlin-read.json")) as Record<string, Understood[]>)[form]!;
    expect(seen.map(col => col.name)).toEqual(SCHEMA_SAMPLE.map(col => col.name));
    for (const [i, { dtype, dims, tags, properties }] of seen.entries()) {
      const col = SCHEMA_SAMPLE[i]!;
      // Merlin writes strings without a type, so that it reads them back as unknown itself.
      expect(dtype).toBe(col.dtype === "string" ? "unknown" : col.dtype);
      expect(tags).toEqual([...col.tags].sort());
      for (const [name, value] of Object.entries(col.properties)) expect(properties[name]).toEqual(value);
      if (col.list)
        expect(dims![1]).toEqual(col.list.min === col.list.max ? col.list.min : [col.list.min, col.list.max]);
      else expect(dims === null || dims.length <= 1).toBe(true);
    }
  });

  test("reads back as it was", () => {
    expect(parseMerlinPbtxt(printMerlinPbtxt(SCHEMA_SAMPLE), "x")).toEqual(SCHEMA_SAMPLE);
    expect(parseMerlinJson(printMerlinJson(SCHEMA_SAMPLE), "x")).toEqual(SCHEMA_SAMPLE);
  });
});

describe("what merlin-core prints", () => {
  test("reads as the same columns, from text and from JSON", () => {
    // Tags are a set there, printed in any order.
    const sorted = (schema: Schema) => schema.map(col => ({ ...col, tags: [...col.tags].sort() }));
    expect(sorted(parseMerlinPbtxt(fixture("theirs.schema.pbtxt"), "theirs"))).toEqual(SCHEMA_SAMPLE);
    expect(sorted(parseMerlinJson(fixture("theirs.schema.json"), "theirs"))).toEqual(SCHEMA_SAMPLE);
  });

  test("has one set of properties of a column, and no more", () => {
    const set = (key: string): string =>
      `extra_metadata { [type.googleapis.com/google.protobuf.Struct] { fields { key: "${key}" value { bool_value: true } } } }`;
    const text = (...sets: readonly string[]): string =>
      `feature { name: "x" type: INT annotation { ${sets.join(" ")} } }`;
    expect(parseMerlinPbtxt(text(set("a")), "s")[0]!.properties).toEqual({ a: true });
    expect(() => parseMerlinPbtxt(text(set("a"), set("b")), "s")).toThrow(
      "column `x` has 2 extra_metadata; one is the most",
    );
  });

  test("reads with properties written out, as older releases print them", () => {
    const text = `# comment
feature { name: "x" type: FLOAT value_count < min: 2 max: 2 > annotation { tag: "embedding", tag: 'user'
  extra_metadata { [type.googleapis.com/google.protobuf.Struct] {
    fields { key: "is_list" value { bool_value: true } }
    fields { key: "dtype_item_size" value { number_value: 32.0 } }
    fields { key: "source" value { string_value: "a" "b\\303\\251" } } } } } }`;
    expect(parseMerlinPbtxt(text, "x")).toEqual([
      {
        name: "x",
        dtype: "float32",
        list: { min: 2, max: 2 },
        rows: "request",
        tags: ["embedding", "user"],
        properties: { source: "abé" },
      },
    ]);
  });
});

test("a broken file is named, with the place", () => {
  expect(() => parseMerlinPbtxt('feature {\n  name: "x"\n  type: }', "dir/schema.pbtxt")).toThrow(
    "dir/schema.pbtxt is not a Merlin schema: line 3, column 9: expected a value, but found `}`.",
  );
  expect(() => parseMerlinJson("{", "schema.json")).toThrow(/schema\.json is not a Merlin schema/);
});

test.each([
  ["true", ["a", "categorical"]],
  ["false", ["a"]],
  [undefined, ["a"]],
])("a domain that is categorical (%s) has the tag, once", (isCategorical, tags) => {
  const word = isCategorical === undefined ? "" : ` is_categorical: ${isCategorical}`;
  const text = (tag: string) =>
    `feature { name: "x" type: INT int_domain { min: 0 max: 9${word} } annotation { tag: "a"${tag} } }`;
  expect(parseMerlinPbtxt(text(""), "s")[0]!.tags).toEqual(tags);
  expect(parseMerlinPbtxt(text(' tag: "categorical"'), "s")[0]!.tags).toEqual(["a", "categorical"]);
});

test("a domain without a name has none in either form", () => {
  const domain = (name: string) => [
    {
      ...SCHEMA_SAMPLE[0]!,
      name: "x",
      dtype: "int64" as const,
      tags: [],
      properties: { domain: { min: 1, max: 9, name } },
    },
  ];
  const named = (name: string) => [printMerlinPbtxt(domain(name)), printMerlinJson(domain(name))];
  expect(named("of items").map(text => text.includes("of items"))).toEqual([true, true]);
  for (const text of named("")) expect(text).not.toMatch(/(?:int_domain|intDomain)[^}]*name/);
});
