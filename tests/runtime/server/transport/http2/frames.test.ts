/**
 * Frames against the Python package `hyperframe`, however their bytes are cut into chunks.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameReader } from "#runtime/server/transport/http2/frame-reader.js";
import {
  frame,
  goawayFrame,
  headerFrames,
  pingFrame,
  resetFrame,
  SETTINGS_ACK,
  windowFrame,
} from "#runtime/server/transport/http2/frames.js";

interface Row {
  readonly hex: string;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: string;
}
const { frames }: { frames: Row[] } = JSON.parse(
  readFileSync(new URL("../../../../fixtures/http2/frames.json", import.meta.url), "utf8"),
);
const whole = Buffer.from(frames.map(({ hex }) => hex).join(""), "hex");

function readAll(chunks: readonly Buffer[]): Omit<Row, "hex">[] {
  const rows: Omit<Row, "hex">[] = [];
  const reader = new FrameReader((type, flags, stream, bytes, start, end) => {
    rows.push({ type, flags, stream, payload: bytes.subarray(start, end).toString("hex") });
  });
  for (const chunk of chunks) reader.read(chunk);
  return rows;
}
const expected = frames.map(({ hex: _, ...row }) => row);

test("frames of the original are read, in one chunk, byte by byte and in any chunks", () => {
  expect(readAll([whole])).toEqual(expected);
  expect(readAll([...whole].map(byte => Buffer.from([byte])))).toEqual(expected);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 30 }), cuts => {
      const places = [0, ...cuts.sort((a, b) => a - b), whole.length];
      expect(readAll(places.slice(1).map((end, i) => whole.subarray(places[i], end)))).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

test("frames of ours are the original's", () => {
  const hex = (type: number, nth = 0): string => frames.filter(row => row.type === type)[nth]!.hex;
  expect(SETTINGS_ACK.toString("hex")).toBe(hex(4, 1));
  expect(resetFrame(2 ** 31 - 1, "CANCEL").toString("hex")).toBe(hex(3));
  expect(pingFrame(Buffer.from("12345678"), false).toString("hex")).toBe(hex(6));
  expect(pingFrame(Buffer.from("87654321"), true).toString("hex")).toBe(hex(6, 1));
  expect(goawayFrame(77, "ENHANCE_YOUR_CALM", "calm").toString("hex")).toBe(hex(7));
  expect(windowFrame(3, 2 ** 31 - 1).toString("hex")).toBe(hex(8));
  expect(
    headerFrames(7, Buffer.from([0x84]), false, 16384)
      .toString("hex")
      .slice(8),
  ).toBe(hex(9).slice(8));
});

test("a block that is longer than a frame continues in CONTINUATION", () => {
  const rows = readAll([headerFrames(3, Buffer.alloc(25, 1), true, 10)]);
  expect(rows.map(({ type, flags, payload }) => [type, flags, payload.length / 2])).toEqual([
    [1, 1, 10],
    [9, 0, 10],
    [9, 4, 5],
  ]);
});

test("a frame longer than was agreed is refused as soon as its head is there", () => {
  const long = Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1]);
  expect(() => readAll([long])).toThrow(expect.objectContaining({ code: "FRAME_SIZE_ERROR" }));
  expect(() => readAll([long.subarray(0, 5), long.subarray(5)])).toThrow("a frame of 16385 bytes");
});

test("a reader that is stopped takes nothing more", () => {
  let taken = 0;
  const reader = new FrameReader(() => {
    taken++;
    reader.stop();
  });
  reader.read(Buffer.concat([frame(6, 0, 0, Buffer.alloc(8)), frame(6, 0, 0, Buffer.alloc(8))]));
  reader.read(frame(6, 0, 0, Buffer.alloc(8)));
  expect(taken).toBe(1);
});
