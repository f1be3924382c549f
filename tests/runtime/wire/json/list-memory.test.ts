// Memory of lists: charged, and returned to the pool once, whatever the order of releases and the end.
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { bufferPool, LARGE } from "#runtime/base/memory/buffer-pool.js";
import type { DataList } from "#runtime/wire/json/data-list.js";
import { JsonReader } from "#runtime/wire/json/json.js";
import { ListMemory } from "#runtime/wire/json/list-memory.js";

afterEach(() => {
  vi.restoreAllMocks();
});

test("each large buffer is returned once", () => {
  const taken = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 4 * LARGE }), releases: fc.nat(2) }));
  fc.assert(
    fc.property(taken, all => {
      const give = vi.spyOn(bufferPool, "give").mockReturnValue();
      let charged = 0;
      const memory = new ListMemory(bytes => (charged += bytes));
      const parts = all.map(({ bytes }) => memory.takeBytes(bytes));
      expect(parts.map(({ length }) => length)).toEqual(all.map(({ bytes }) => bytes));
      expect(charged).toBe(all.reduce((sum, { bytes }) => sum + bytes, 0));
      for (const [i, { releases }] of all.entries()) for (let n = 0; n < releases; n++) memory.release(parts[i]!);
      memory.end();
      memory.end();
      const given = give.mock.calls.map(([buffer]) => buffer);
      give.mockRestore();
      expect(new Set(given).size).toBe(given.length);
      expect(given).toHaveLength(all.filter(({ bytes }) => bytes >= LARGE).length);
    }),
  );
});

test("no memory of another is taken back", () => {
  const give = vi.spyOn(bufferPool, "give");
  const [one, other] = [new ListMemory(), new ListMemory()];
  const part = one.takeBytes(LARGE);
  other.release(part);
  other.end();
  expect(give).not.toHaveBeenCalled();
  one.end();
  expect(give).toHaveBeenCalledExactlyOnceWith(part.buffer);
});

test.each([
  ["numbers", "1,", ""],
  ["strings", '"text",', ""],
  ["wide integers", "9007199254740993,", ""],
  ["elements that no datatype accepts together", "1,", '"text",'],
])("%s of a list that is not complete are returned", (_, element, last) => {
  const [take, give] = [vi.spyOn(bufferPool, "take"), vi.spyOn(bufferPool, "give")];
  const memory = new ListMemory();
  const reader = new JsonReader(Buffer.from(`[${element.repeat(20_000)}${last}`), { isData: true }, { lists: memory });
  expect(() => reader.read()).toThrow("Invalid value");
  memory.end();
  const taken = take.mock.results.map(({ value }) => value);
  expect(taken.length).toBeGreaterThan(0);
  expect(new Set(give.mock.calls.map(([buffer]) => buffer))).toEqual(new Set(taken));
});

test("a list is whole after its reader has paused and others have used the pool", () => {
  const texts = Array.from({ length: 30_000 }, (_, i) => `text ${i}`);
  const memory = new ListMemory();
  const reader = new JsonReader(Buffer.from(JSON.stringify(texts)), { isData: true }, { lists: memory });
  while (!reader.read(1000)) bufferPool.give(Buffer.from(bufferPool.take(LARGE)).fill(7).buffer);
  const list = reader.value as DataList;
  const all = Buffer.concat(list.texts);
  const expected = texts.map(text => {
    const bytes = Buffer.alloc(4 + text.length);
    bytes.writeUInt32LE(text.length);
    bytes.write(text, 4);
    return bytes;
  });
  expect(all.equals(Buffer.concat(expected))).toBe(true);
});
