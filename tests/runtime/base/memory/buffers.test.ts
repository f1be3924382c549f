/**
 * Reused large buffers: their sizes, idle memory, and the return of a request's memory.
 */
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createBufferPool, LARGE, sizeClass } from "#runtime/base/memory/buffer-pool.js";
import { RequestMemory } from "#runtime/base/memory/request-memory.js";
import { alignedStart } from "#runtime/server/transport/grpc/message-place.js";
import { frame, frameReader } from "#runtime/wire/grpc/framing.js";
import { encode } from "#triton-protos/proto-root.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a size has room for the request, wastes a quarter at most, and is its own size", () => {
  fc.assert(
    fc.property(fc.integer({ min: LARGE, max: 2 ** 31 }), bytes => {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size).toBeLessThanOrEqual(bytes * 1.25);
      expect(sizeClass(size)).toBe(size);
    }),
  );
  expect(sizeClass(1)).toBe(LARGE);
});

test("returned buffers are reused; unused ones are freed after a while, and idle memory never exceeds the bound", () => {
  const pool = createBufferPool(2 ** 21, 1000);
  const first = pool.take(2 ** 20);
  pool.give(first);
  expect(pool.idle).toBe(2 ** 20);
  expect(pool.take(2 ** 20 - 5)).toBe(first);
  expect(pool.idle).toBe(0);
  for (let i = 0; i < 3; i++) pool.give(new ArrayBuffer(2 ** 20));
  expect(pool.idle).toBe(2 ** 21);
  // Two lie there, of which one is in use over and over.
  for (let i = 0; i < 30; i++) {
    vi.advanceTimersByTime(100);
    pool.give(pool.take(2 ** 20));
  }
  expect(pool.idle).toBe(2 ** 20);
  vi.advanceTimersByTime(3000);
  expect(pool.idle).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ["all said that they keep nothing", ["release"], 1],
  ["nobody said so", [], 0],
  ["something keeps a part", ["release", "keep"], 0],
  ["something keeps a part, whatever others say", ["keep", "release"], 0],
] as const)("memory of a request is returned if %s: %j", (_, said, back) => {
  const given: ArrayBuffer[] = [];
  const memory = new RequestMemory();
  memory.adopt(new ArrayBuffer(LARGE), { give: buffer => given.push(buffer) });
  for (const word of said) memory[word]();
  expect(given).toEqual([]);
  memory.end();
  memory.end();
  expect(given).toHaveLength(back);
});

test("messages are put together from chunks of any size, which their owner writes over at once", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 20 }),
      (lengths, cuts) => {
        const messages = lengths.map((length, i) => Buffer.alloc(length, `${i} message`));
        const bytes = Buffer.concat(messages.map(frame));
        const found: Buffer[] = [];
        const read = frameReader(({ bytes }) => found.push(bytes));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const chunk = Buffer.from(bytes.subarray(at, at + cuts[i % cuts.length]!));
          at += chunk.length;
          read(chunk);
          chunk.fill(0);
        }
        expect(found.length).toBe(messages.length);
        expect(found.every((message, i) => message.equals(messages[i]!))).toBe(true);
      },
    ),
    { numRuns: 50 },
  );
});

test("a length that is only announced takes little memory", () => {
  const taken: number[] = [];
  const read = frameReader(
    () => {},
    length => {
      taken.push(length);
      return Buffer.allocUnsafe(length);
    },
  );
  read(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
  expect(taken).toEqual([]);
  read(Buffer.alloc(100));
  expect(taken).toEqual([1600]);
  expect(() => frameReader(() => {})(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))).toThrow("is larger than");
});

test.each([1, 2, 5, 11])(
  "the first large tensor of a message is aligned for typed arrays, name of %i letters",
  letters => {
    const bytes = Buffer.from(
      encode("inference.ModelInferRequest", {
        model_name: "m".repeat(letters),
        inputs: [{ name: "A", datatype: "FP64", shape: [1] }],
        raw_input_contents: [Buffer.alloc(8), Buffer.alloc(4096, "x")],
      }),
    );
    const at = bytes.indexOf("xxxx");
    expect((alignedStart(bytes.subarray(0, 2000)) + at) % 8).toBe(0);
    expect(alignedStart(bytes.subarray(0, 10))).toBe(0);
    expect(alignedStart(Buffer.from([255, 255]))).toBe(0);
  },
);
