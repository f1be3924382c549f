/** Compressed responses: their pieces, and their charges. */
import { getEventListeners } from "node:events";
import { Gzip, gunzipSync, inflateSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { packPieces } from "#runtime/server/transport/http/pack-pieces.js";

const signal = new AbortController().signal as never;

describe("compression", () => {
  const pieces = [Buffer.alloc(300_000, "abc"), Buffer.alloc(10, "z"), Buffer.alloc(700_000, "defg")];
  test.each(["gzip", "deflate"] as const)("%s holds the pieces, and is charged", async encoding => {
    const charge = new MemoryBudget().open();
    const packed = await packPieces(pieces, encoding, charge, signal);
    const all = Buffer.concat(packed);
    expect((encoding === "gzip" ? gunzipSync : inflateSync)(all).equals(Buffer.concat(pieces))).toBe(true);
    expect(charge.bytes).toBe(all.length);
  });
  test("ends when the client leaves, and when the memory is used up", async () => {
    const gone = new AbortController();
    const add = vi.spyOn(gone.signal, "removeEventListener");
    const packing = packPieces(pieces, "gzip", new MemoryBudget().open(), gone.signal as never);
    gone.abort();
    const left = { code: "CANCELLED", message: "the client left before its answer was compressed" };
    await expect(packing).rejects.toMatchObject(left);
    expect(add).toHaveBeenCalled();
    await expect(packPieces(pieces, "gzip", new MemoryBudget().open(), gone.signal as never)).rejects.toMatchObject(
      left,
    );
    await expect(packPieces(pieces, "gzip", new MemoryBudget(5).open(), signal)).rejects.toThrow("memory limit");
  });
  afterEach(() => vi.restoreAllMocks());
  const PART = 2 ** 18;
  /** Begins, and notes the sizes that are written: the first one at once, the others when there is room again. */
  const begin = (given: readonly Buffer[], listener = signal) => {
    const write = vi.spyOn(Gzip.prototype, "write");
    const packing = packPieces(given, "gzip", new MemoryBudget().open(), listener);
    const sizes = (): readonly number[] => write.mock.calls.map(([part]) => (part as Buffer).length);
    return { packing, sizes, packer: () => write.mock.contexts[0] as Gzip };
  };
  test("takes parts of 256 KiB at most, and the next one when there is room for it", async () => {
    const { packing, sizes } = begin([Buffer.alloc(PART), Buffer.alloc(0), Buffer.alloc(PART + 1), Buffer.alloc(5)]);
    expect(sizes()).toEqual([PART]);
    await packing;
    expect(sizes()).toEqual([PART, PART, 1, 5]);
  });
  test("ends its work when the client leaves, and listens to the client no more", async () => {
    const client = new AbortController();
    const listeners = (): number => getEventListeners(client.signal, "abort").length;
    const { packing, packer } = begin(pieces, client.signal as never);
    expect(listeners()).toBe(1);
    client.abort();
    await expect(packing).rejects.toThrow("the client left");
    expect([packer().destroyed, listeners()]).toEqual([true, 0]);
    const other = new AbortController();
    await begin(pieces, other.signal as never).packing;
    expect(getEventListeners(other.signal, "abort")).toEqual([]);
  });
  test("that fails is the error of its answer", async () => {
    const { packing, packer } = begin(pieces);
    packer().emit("error", new Error("no memory for the window"));
    await expect(packing).rejects.toThrow("no memory for the window");
    expect(packer().destroyed).toBe(true);
  });
});
