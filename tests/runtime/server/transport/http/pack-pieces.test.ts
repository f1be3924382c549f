/** Compressed responses: their pieces, and their charges. */
import { gunzipSync, inflateSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
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
});
