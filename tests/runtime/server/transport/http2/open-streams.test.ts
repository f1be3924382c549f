/** The table of open streams against a Map, over random histories with numbers that clients choose. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { OpenStreams } from "#runtime/server/transport/http2/open-streams.js";
import type { Stream } from "#runtime/server/transport/http2/stream.js";

const streamOf = (id: number): Stream => ({ id, nextInBucket: undefined }) as Stream;
const ids = (streams: Iterable<Stream>): number[] => [...streams].map(({ id }) => id).sort((a, b) => a - b);

test("streams open and close in any order, by any numbers", () => {
  const number = fc.oneof(
    fc.nat(40).map(n => 2 * n + 1),
    fc.nat(2 ** 30 - 1).map(n => 2 * n + 1),
    fc.nat(40).map(n => n * 2 ** 24 + 1),
  );
  const step = fc.record({ opens: fc.boolean(), id: number });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), steps => {
      const table = new OpenStreams();
      const model = new Map<number, Stream>();
      for (const { opens, id } of steps) {
        const known = model.get(id);
        expect(table.get(id)).toBe(known);
        if (opens && !known) {
          const stream = streamOf(id);
          model.set(id, stream);
          table.add(stream);
        } else if (!opens) {
          expect(table.delete(known ?? streamOf(id))).toBe(known !== undefined);
          model.delete(id);
        }
        expect(table.size).toBe(model.size);
      }
      expect(ids(table.all())).toEqual(ids(model.values()));
    }),
  );
});

test("a thousand streams are found and closed, and refer to nothing then", () => {
  const table = new OpenStreams();
  const streams = Array.from({ length: 1024 }, (_, i) => streamOf(2 * i + 1));
  for (const stream of streams) table.add(stream);
  for (const stream of streams) expect(table.get(stream.id)).toBe(stream);
  for (const stream of streams) table.delete(stream);
  expect(table.size).toBe(0);
  expect(table.all()).toEqual([]);
  expect(streams.every(({ nextInBucket }) => nextInBucket === undefined)).toBe(true);
});
