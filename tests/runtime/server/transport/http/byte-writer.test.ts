/** Bytes of an answer in pieces. */
import { describe, expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { ByteWriter } from "#runtime/server/transport/http/byte-writer.js";
import { chargedMemory } from "#runtime/server/transport/http/growable-buffer.js";

describe("a byte writer", () => {
  test("holds what was written, in pieces of at least 128 KiB", () => {
    const to = new ByteWriter();
    let text = "";
    for (let i = 0; to.size < 700_000; i++) {
      const part = `${i},`.repeat(1 + (i % 50));
      text += part;
      if (i % 2 === 0) to.text(part);
      else to.append(Buffer.from(part));
      expect(to.at).toBeLessThanOrEqual(to.bytes.length);
    }
    expect(Buffer.concat(to.pieces).toString()).toBe(text);
    expect(to.size).toBe(text.length);
    expect(to.pieces.length).toBeGreaterThan(2);
    for (const piece of to.pieces.slice(0, -1)) expect(piece.length).toBeGreaterThanOrEqual(2 ** 17);
  });
  test("completes a piece of exactly 128 KiB, and none of less", () => {
    for (const [size, pieces] of [
      [2 ** 17 - 1, 1],
      [2 ** 17, 2],
    ] as const) {
      const to = new ByteWriter();
      to.append(Buffer.alloc(size));
      to.append(Buffer.alloc(2));
      expect([to.pieces.length, to.size]).toEqual([pieces, size + 2]);
    }
  });
  test("returns outgrown buffers, and makes room for data larger than a piece", () => {
    const charge = new MemoryBudget().open();
    const to = new ByteWriter(chargedMemory(charge));
    expect(charge.bytes).toBe(512);
    to.append(Buffer.alloc(600, 1));
    expect(charge.bytes).toBe(1024);
    to.append(Buffer.alloc(2 ** 20, 2));
    expect([charge.bytes, to.pieces.length]).toEqual([600 + 2 ** 20, 1]);
    to.append(Buffer.alloc(2 ** 19, 3));
    expect([to.pieces.length, to.size, charge.bytes]).toEqual([2, 600 + 2 ** 20 + 2 ** 19, 600 + 2 ** 20 + 2 ** 19]);
    const all = Buffer.concat(to.pieces);
    expect([all[599], all[600], all[600 + 2 ** 20]]).toEqual([1, 2, 3]);
  });
  test("keeps a buffer that is exactly full", () => {
    const charge = new MemoryBudget().open();
    const to = new ByteWriter(chargedMemory(charge));
    to.append(Buffer.alloc(512));
    expect([charge.bytes, to.pieces.length]).toEqual([512, 1]);
    to.append(Buffer.alloc(1));
    expect([charge.bytes, to.size]).toEqual([1024, 513]);
  });
});
