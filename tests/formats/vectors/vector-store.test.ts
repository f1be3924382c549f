// A store's file: keys that are names of JavaScript's prototypes, and numbers of its index.
import { expect, test } from "vitest";
import { parseVectorStore } from "#formats/vectors/vector-store.js";

const fields = (more: string): string => `{"type":"pgvector","url":"x","table":"items","dimension":2${more}}`;

test.each([
  ['"attributes":{"stock":"int32","__proto__":"int32"}', /^`attributes` has an attribute `__proto__`, .*Rename it/],
  ['"attributes":{"__proto__":{}}', /^`attributes` has an attribute `__proto__`/],
  ['"__proto__":{"table":"other"}', /^`__proto__` is not a field of this type$/],
  ['"tls":{"__proto__":{"ca":"/x"}}', /^`__proto__` in `tls` is not a field of this type$/],
])("%s is refused", (more, message) => {
  expect(() => parseVectorStore(fields(`,${more}`))).toThrow(message);
});

test.each(["constructor", "prototype", "toString", "hasOwnProperty", "_proto_"])(
  "an attribute `%s` is one like others",
  name => {
    const { attributes } = parseVectorStore(fields(`,"attributes":{"${name}":"int32"}`));
    expect(Object.entries(attributes)).toEqual([[name, "int32"]]);
  },
);

test("pgvector builds an index with at least twice as many candidates as links", () => {
  expect(parseVectorStore(fields(',"links":32'))).toMatchObject({ links: 32, efConstruction: 64 });
  expect(() => parseVectorStore(fields(',"links":33'))).toThrow(
    "`efConstruction` is 64. pgvector needs at least twice `links`, which is 66",
  );
  expect(() => parseVectorStore(fields(',"links":101,"efConstruction":1000'))).toThrow(/`links`/);
});
