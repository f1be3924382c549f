/** Bodies as they arrive, their sizes and limits; packed ones. */
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { binaryLimit, isPacked, readBody, unpackBody } from "#runtime/server/transport/http/body.js";
import type { GrowableMemory } from "#runtime/server/transport/http/growable-buffer.js";

const signal = new AbortController().signal as never;
const faultOf = (error: unknown): string => `${(error as RuntimeFault).code} ${(error as Error).message}`;

describe("a body that arrives", () => {
  const HINT = "Use --http-max-input-size to increase the limit.";
  const receive = (parts: readonly Buffer[], { length, limit = 1e6, cut = false } = {} as Given) => {
    const made: number[] = [];
    const outgrown: number[] = [];
    const room: GrowableMemory = {
      make(size) {
        if (size > 5e6) throw new RuntimeFault("RESOURCE_EXHAUSTED", "no memory");
        made.push(size);
        return Buffer.alloc(size);
      },
      outgrown: buffer => void outgrown.push(buffer.length),
    };
    const exchange = {
      head: { body: length ?? "chunked" },
      discardBody: vi.fn(),
      refuseBody: vi.fn(),
      readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void; cut(): void }) {
        // Each part is a slice of a socket's read.
        for (const part of parts)
          reader.data(Buffer.concat([Buffer.from("##"), part, Buffer.from("##")]), 2, 2 + part.length);
        if (cut) reader.cut();
        else reader.end();
      },
    };
    const body = readBody(exchange as never, limit, room).catch(faultOf);
    return { body, made, outgrown, exchange };
  };
  interface Given {
    readonly length?: number;
    readonly limit?: number;
    readonly cut?: boolean;
  }
  const bytes = (count: number, from = 0): Buffer =>
    Buffer.from(Array.from({ length: count }, (_, i) => (from + i) % 251));
  test("of an announced length is put together, and room is made ahead, up to that length", async () => {
    const { body, made, outgrown } = receive([bytes(100), bytes(100, 100), bytes(1800, 200)], { length: 2000 });
    expect((await body) as Buffer).toEqual(bytes(2000));
    expect([made, outgrown]).toEqual([[1600, 2000], [1600]]);
  });
  test("in chunks is put together, and room doubles", async () => {
    const { body, made, outgrown } = receive([bytes(200), bytes(300, 200), bytes(600, 500)]);
    expect((await body) as Buffer).toEqual(bytes(1100));
    expect([made, outgrown]).toEqual([
      [400, 1000, 2200],
      [400, 1000],
    ]);
  });
  test("has room for 256 bytes at least, and for the limit at most", async () => {
    expect(receive([bytes(1)]).made).toEqual([256]);
    expect(receive([bytes(1)], { length: 1 }).made).toEqual([256]);
    expect(receive([bytes(700)], { limit: 1000 }).made).toEqual([1000]);
  });
  test("that is empty is empty", async () => {
    const { body, made } = receive([]);
    expect([await body, made]).toEqual([Buffer.alloc(0), []]);
  });
  const tooLarge = (size: number, limit: number): string =>
    `INVALID_ARGUMENT request JSON size of ${size} bytes exceeds the maximum allowed input size of ${limit} bytes. ${HINT}`;
  test("may have exactly the limit, and not more, announced or not", async () => {
    expect(await receive([bytes(10)], { length: 10, limit: 10 }).body).toEqual(bytes(10));
    expect(await receive([bytes(10)], { limit: 10 }).body).toEqual(bytes(10));
    const announced = receive([], { length: 11, limit: 10 });
    expect([await announced.body, announced.made]).toEqual([tooLarge(11, 10), []]);
    const sent = receive([bytes(6), bytes(5)], { limit: 10 });
    expect(await sent.body).toBe(tooLarge(11, 10));
    expect(sent.exchange.discardBody).toHaveBeenCalled();
  });
  test("may have 65,536 small chunks, and not more", async () => {
    const small = Array.from({ length: 2 ** 16 }, () => bytes(1));
    expect(await receive(small).body).toHaveLength(2 ** 16);
    const { body, exchange } = receive([...small, bytes(1)]);
    expect(await body).toBe(
      `INVALID_ARGUMENT Chunked request body exceeds maximum of 65536 non-empty chunks. Send fewer or larger HTTP chunks.`,
    );
    expect(exchange.refuseBody).toHaveBeenCalledOnce();
    // Larger pieces, and those of an announced body, are not counted.
    expect(await receive([...small, ...Array.from({ length: 9 }, () => bytes(256))]).body).toHaveLength(
      2 ** 16 + 9 * 256,
    );
    expect(await receive([...small, bytes(1)], { length: 2 ** 16 + 1 }).body).toHaveLength(2 ** 16 + 1);
  });
  test("that needs more memory than there is is refused", async () => {
    const { body, exchange } = receive([Buffer.alloc(3e6)], { limit: 1e7 });
    expect(await body).toBe("RESOURCE_EXHAUSTED no memory");
    expect(exchange.discardBody).toHaveBeenCalled();
  });
  test("that is cut off is dropped", async () => {
    expect(await receive([bytes(3)], { cut: true }).body).toContain(
      "the client closed the connection before the end of its body",
    );
  });
});

describe("a packed body", () => {
  const unpack = (body: Buffer, encoding = "gzip", given: object = {}) =>
    unpackBody(body, encoding, {
      ...{ maxInputSize: 1000, allowance: 1000, charge: new MemoryBudget().open(), signal },
      ...given,
    }).catch(faultOf);
  test("is unpacked up to the limits, each with its hint", async () => {
    const plain = Buffer.alloc(1000, "ab");
    expect(await unpack(gzipSync(plain))).toEqual(plain);
    const larger = gzipSync(Buffer.alloc(1001, "ab"));
    expect(await unpack(larger)).toBe(
      "INVALID_ARGUMENT Decompressed data size exceeds the maximum allowed value of 1000 bytes. Use --http-max-input-size to increase the limit.",
    );
    expect(await unpack(larger, "deflate", { allowance: 500 })).toBe(
      `INVALID_ARGUMENT Decompressed data size exceeds the maximum allowed value of 500 bytes for a body of ${larger.length} bytes. Send it uncompressed, or use --request-memory-ratio to increase the limit.`,
    );
    expect(await unpack(larger, "br")).toBe("UNSUPPORTED Unsupported compression type");
  });
  test("is one with another encoding than identity", () => {
    expect([undefined, "identity", "gzip", "br", ""].map(isPacked)).toEqual([false, false, true, true, true]);
    expect([binaryLimit(5), binaryLimit(2 ** 31)]).toEqual([2 ** 30, 2 ** 31]);
  });
});
