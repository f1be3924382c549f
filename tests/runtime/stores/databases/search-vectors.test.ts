// Values of users in conditions: what is too long is refused before a database sees it, and Redis' texts are escaped.
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { ALWAYS, type Filter, type Scalar } from "#contract/vector-filter/filter.js";
import { attributesText, setFilter } from "#runtime/stores/databases/redis/set-filter.js";
import { searchVectors } from "#runtime/stores/databases/search-vectors.js";
import type { VectorDatabase, VectorQuery } from "#runtime/stores/databases/vector-database.js";

const MOST = 2 ** 19;

function searchOf(filters: readonly Filter[]) {
  const search = vi.fn((queries: readonly VectorQuery[]) =>
    Promise.resolve(queries.map(() => ({ ids: [], distances: new Float32Array(0) }))),
  );
  const queries = filters.map(filter => ({ vector: Float32Array.of(1), k: 1, filter, excluded: new Set<string>() }));
  return { search, found: searchVectors({ search } as unknown as VectorDatabase, queries) };
}

const text = (length: number): Filter => ({ attribute: "a", is: "=", value: '"'.repeat(length) });
const numbers = (count: number): Filter => ({
  attribute: "n",
  among: Array.from({ length: count }, (_, i) => BigInt(i)),
  negated: false,
});

test.each<[string, Filter]>([
  ["a text", text(MOST + 1)],
  ["a beginning", { attribute: "a", text: "startsWith", value: "x".repeat(MOST + 1), negated: true }],
  ["a list of texts", { attribute: "a", among: new Array<string>(2).fill("x".repeat(MOST / 2 + 1)), negated: false }],
  ["a list of numbers", numbers(MOST / 32 + 1)],
  ["texts together", { all: [{ any: [text(MOST - 9), ALWAYS] }, text(10)] }],
])("%s that is too long is refused", async (_, filter) => {
  const { search, found } = searchOf([ALWAYS, filter]);
  await expect(found).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringMatching(/has texts and lists of \d+ characters .*: at most 524288 are sent/) as string,
  });
  expect(search).not.toHaveBeenCalled();
});

test("rows that are too long together are refused, and the longest ones are sent", async () => {
  await expect(searchOf(new Array<Filter>(8).fill(text(MOST))).found).resolves.toHaveLength(8);
  await expect(searchOf([numbers(MOST / 32), text(MOST)]).found).resolves.toHaveLength(2);
  await expect(searchOf([...new Array<Filter>(8).fill(text(MOST)), text(1)]).found).rejects.toThrow(
    /conditions of a request .* at most 4194304 are sent\. Send fewer rows/,
  );
});

test("a text of Redis has no character that would need an escape, and different ones stay different", () => {
  const escaped = (value: string): string =>
    value.replace(/[%"\\\p{Cc}]/gu, c => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom("%", '"', "\\", "\0", "\n", "\x7f", "\x80", "\x9f", "\xa0", "Â", "é"),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
    ),
  });
  fc.assert(
    fc.property(hostile, value => {
      const filter = setFilter({ attribute: "a", is: "=", value });
      expect(filter).toBe(`(.has-a == 1 and .a == "${escaped(value)}")`);
      expect(attributesText({ a: "string" }, (): Scalar => value)).toBe(`{"a":"${escaped(value)}","has-a":1}`);
    }),
  );
});
