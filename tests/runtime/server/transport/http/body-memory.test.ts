/** Buffers of bodies and of tensors: charged, borrowed, given back. */
import { describe, expect, test } from "vitest";
import { LARGE } from "#runtime/base/memory/buffer-pool.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { BodyMemory, smallTensors } from "#runtime/server/transport/http/body-memory.js";
import { chargedMemory } from "#runtime/server/transport/http/growable-buffer.js";

describe("memory of a body", () => {
  test("is charged, and given back when it is outgrown", () => {
    const budget = new MemoryBudget(1e6);
    const charge = budget.open();
    for (const room of [new BodyMemory(charge), chargedMemory(charge)]) {
      const buffer = room.make(1000);
      expect([buffer.length, budget.charged]).toEqual([1000, 1000]);
      room.outgrown(buffer);
      expect(budget.charged).toBe(0);
      expect(() => room.make(2e6)).toThrow("memory limit");
    }
  });
  test("is borrowed where it is large", () => {
    const room = new BodyMemory(new MemoryBudget().open());
    room.make(LARGE - 1);
    expect(room.borrowed).toBeUndefined();
    const large = room.make(LARGE);
    expect(room.borrowed!.moves(large.buffer)).toBe(true);
    room.outgrown(large);
    expect(room.borrowed!.moves(large.buffer)).toBe(false);
  });
  test.each([
    [0, 0],
    [1, 7],
    [8, 0],
    [13, 3],
    [-3, 0],
    [Number.NaN, 0],
    [1.5, 0],
  ])("begins where tensors behind %d bytes of JSON are aligned", (jsonLength, offset) => {
    expect(new BodyMemory(new MemoryBudget().open(), jsonLength).make(LARGE).byteOffset).toBe(offset);
  });
  test("of tensors is charged, and shared by small ones", () => {
    const budget = new MemoryBudget(1e6);
    const room = new BodyMemory(budget.open());
    const first = room.makeTensor(16);
    const large = room.makeTensor(LARGE);
    expect([budget.charged, large.length, room.borrowed!.moves(large.buffer)]).toEqual([LARGE + 16, LARGE, true]);
    expect([first.length, first.buffer.byteLength]).toEqual([16, 16]);
  });
  test("small tensors share a buffer, each where any array can begin", () => {
    const make = smallTensors();
    const [first, second, third, wide] = [make(3), make(3), make(5), make(2049)] as const;
    expect(first!.buffer.byteLength).toBe(3);
    expect([second!.byteOffset, third!.byteOffset, second!.length, third!.length]).toEqual([0, 8, 3, 5]);
    expect(second!.buffer).toBe(third!.buffer);
    expect(second!.buffer.byteLength).toBe(4096);
    expect(wide!.buffer.byteLength).toBe(2049);
    expect(make(2048).byteOffset).toBe(16);
    const next = make(2048);
    expect([next.byteOffset, next.buffer === second!.buffer]).toEqual([0, false]);
    expect(make(2048).byteOffset).toBe(2048);
  });
});
