/**
 * Frames between workers: arbitrary requests, responses and faults arrive as they were sent, in chunks of any size; damaged frames are refused.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { InferResponse } from "#runtime/server/contract.js";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type ForwardedRequest,
} from "#runtime/server/peers/codec.js";
import { readFrames } from "#runtime/server/peers/frame-reader.js";
import { FRAME, type FrameHeader, HEADER } from "#runtime/server/peers/frames.js";
import { BadFrame } from "#runtime/server/peers/packer.js";

const text = fc.oneof(fc.string(), fc.string({ unit: "binary", maxLength: 40 }), fc.constant("a".repeat(300)));
const parameter = fc.oneof(
  fc.boolean(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.bigInt(),
  text,
);
const version = fc.oneof(fc.maxSafeNat(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }));
const tensor = fc.record({
  name: text,
  datatype: fc.constantFrom("INT64", "BYTES", "FP32", "nonsense"),
  shape: fc.array(fc.oneof(fc.maxSafeNat(), fc.constantFrom(-1, 0)), { maxLength: 5 }),
  data: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 4000, maxLength: 5000, size: "max" })),
});
const forwarded: fc.Arbitrary<ForwardedRequest> = fc.record(
  {
    ...{ generation: text, many: fc.boolean(), id: text },
    pins: fc.array(
      fc.record({ model: text, version: fc.oneof(version, fc.constant(-1)), near: text, generation: text }),
      {
        maxLength: 4,
      },
    ),
    parameters: fc.uniqueArray(fc.tuple(text, parameter), { selector: ([name]) => name }).map(all => new Map(all)),
    inputs: fc.array(tensor, { maxLength: 5 }),
    outputs: fc.array(text, { maxLength: 4 }),
    headers: fc.dictionary(text, fc.oneof(text, fc.array(text, { maxLength: 3 }))).map(all => ({ ...all })),
    traced: fc.record({
      levels: fc.record({ timestamps: fc.boolean(), tensors: fc.boolean(), insides: fc.constant(true) }),
      traceparent: fc.option(text, { nil: undefined }),
    }),
  },
  { requiredKeys: ["generation", "pins", "many", "id", "parameters", "inputs", "outputs"] },
);

/** The frames of some bytes, given in chunks. */
function read(bytes: Buffer, sizes: readonly number[]): { readonly header: FrameHeader; readonly body: Buffer }[] {
  const frames: { header: FrameHeader; body: Buffer }[] = [];
  const take = readFrames({
    room: ({ length }) => Buffer.alloc(length),
    frame: (header, body) => frames.push({ header, body: body! }),
  });
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    // Chunks lie in a buffer that is used again.
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    take(chunk);
    chunk.fill(0xff);
    at += size;
  }
  return frames;
}

const plain = (data: Uint8Array): Uint8Array => Uint8Array.from(data);
const comparable = <T extends { readonly data: Uint8Array }>(tensors: readonly T[]) =>
  tensors.map(one => ({ ...one, data: plain(one.data) }));

const chunks = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 });

describe("what is sent arrives", () => {
  test("requests", () => {
    fc.assert(
      fc.property(fc.array(forwarded, { minLength: 1, maxLength: 4 }), chunks, (requests, sizes) => {
        const bytes = Buffer.concat(requests.flatMap((request, id) => encodeRequest(request, id, 0.5)));
        const frames = read(bytes, sizes);
        expect(frames.map(({ header }) => header.id)).toEqual(requests.map((_, id) => id));
        for (const [i, { header, body }] of frames.entries()) {
          expect(header.type).toBe(FRAME.request);
          const decoded = decodeRequest(body, header.head);
          const { inputs, ...rest } = requests[i]!;
          expect({ ...decoded, inputs: comparable(decoded.inputs) }).toEqual({ ...rest, inputs: comparable(inputs) });
          for (const { data } of decoded.inputs) expect((data.byteOffset - body.byteOffset) % 8).toBe(0);
        }
      }),
    );
  });

  test("responses", () => {
    const response = fc.record(
      {
        ...{ model: text, version, id: text, cut: fc.double({ min: 0, max: 1, noNaN: true }) },
        parameters: fc.array(fc.tuple(text, parameter)),
        outputs: fc.array(tensor, { maxLength: 4 }),
        final: fc.constant(true as const),
      },
      { requiredKeys: ["model", "version", "id", "parameters", "outputs"] },
    );
    fc.assert(
      fc.property(response, fc.boolean(), chunks, (given, last, sizes) => {
        const response = given as unknown as InferResponse;
        const pieces = encodeResponse(response, 7, 0.25, last);
        const [frame] = read(Buffer.concat(pieces), sizes);
        expect(frame!.header).toMatchObject({ id: 7, type: last ? FRAME.last : FRAME.response });
        expect(frame!.header.load).toBeCloseTo(0.25, 2);
        const decoded = decodeResponse(frame!.body, frame!.header.head);
        expect({ ...decoded, outputs: comparable(decoded.outputs) }).toEqual({
          ...response,
          outputs: comparable(response.outputs),
        });
      }),
    );
  });
});

describe("damaged frames", () => {
  test("are refused, or read as other values, and nothing else is thrown", () => {
    fc.assert(
      fc.property(forwarded, fc.nat(), fc.integer({ min: 0, max: 255 }), (request, at, value) => {
        const bytes = Buffer.concat(encodeRequest(request, 1, 0));
        bytes[at % bytes.length] = value;
        try {
          const [frame] = read(bytes.subarray(0, 2 ** 16), [4096]);
          if (frame && frame.header.type === FRAME.request) decodeRequest(frame.body, frame.header.head);
        } catch (error) {
          expect(error).toBeInstanceOf(BadFrame);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a count of parts is compared with the bytes that are there before anything is made of it", () => {
    const [piece] = encodeRequest(
      {
        ...{ generation: "g", pins: [], many: false, id: "" },
        parameters: new Map(),
        inputs: [],
        outputs: [],
      },
      1,
      0,
    );
    const body = Buffer.from(piece!.subarray(HEADER));
    const outputs = body.length - 8;
    body.writeUInt32LE(0xffffffff, outputs);
    expect(() => decodeRequest(body, body.length)).toThrow("4294967295 parts in 4 bytes");
  });
});
