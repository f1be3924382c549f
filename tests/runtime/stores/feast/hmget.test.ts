// Commands are the bytes that ioredis writes, replies those of a Redis server; whatever else arrives is refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type HashReplies, hashReplyReader, MalformedReply } from "#runtime/stores/feast/hmget.js";

const bytes = fc.uint8Array({ maxLength: 40 }).map(made => Buffer.from(made));

/** A server's reply: null for no value, a text for an error in place of a reply. */
type Reply = readonly (Buffer | null)[] | string;

const written = (replies: readonly Reply[]): Buffer =>
  Buffer.concat(
    replies.flatMap(reply =>
      typeof reply === "string"
        ? [Buffer.from(`-${reply}\r\n`)]
        : [
            Buffer.from(`*${reply.length}\r\n`),
            ...reply.flatMap(value =>
              value === null
                ? [Buffer.from("$-1\r\n")]
                : [Buffer.from(`$${value.length}\r\n`), value, Buffer.from("\r\n")],
            ),
          ],
    ),
  );

const readBack = ({ bytes: all, places, errors }: HashReplies, fields: number): Reply[] =>
  Array.from(
    { length: places.length / 2 / fields },
    (_, key) =>
      errors.get(key) ??
      Array.from({ length: fields }, (_, field) => {
        const place = 2 * (key * fields + field);
        return places[place]! < 0 ? null : all.subarray(places[place], places[place + 1]);
      }),
  );

describe("replies", () => {
  const FIELDS = 3;
  const replyOf = fc.oneof(
    fc.array(fc.option(bytes), { minLength: FIELDS, maxLength: FIELDS }),
    fc.constantFrom("ERR no", "MOVED 866 127.0.0.1:7001"),
  );

  test("in any pieces, and nothing of the following bytes", () => {
    fc.assert(
      fc.property(
        fc.array(replyOf, { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(50)),
        bytes,
        (replies, cuts, rest) => {
          const all = Buffer.concat([written(replies), rest]);
          const reader = hashReplyReader(replies.length, FIELDS);
          let at = 0;
          for (const cut of [...cuts, all.length]) {
            if (reader.replies) break;
            at += reader.take(all.subarray(at, at + cut));
          }
          expect(readBack(reader.replies!, FIELDS)).toEqual(replies);
          expect(all.subarray(at)).toEqual(rest);
        },
      ),
    );
  });

  test.each([
    ["another type", "+OK\r\n", /a reply begins with byte 43/],
    ["fewer values", "*2\r\n$-1\r\n$-1\r\n", /a reply has 2 values of 3/],
    ["no array", "*-1\r\n", /a reply has -1 values of 3/],
    ["a count that is no number", "*3x\r\n", /a length that is not a number/],
    ["no count", "*\r\n", /a length that is not a number/],
    ["a count without an end", "*33333333333333", /a length that is not a number/],
    ["a line without its end", "*3\rx", /a length that is not a number/],
    ["a number for a value", "*3\r\n:1\r\n", /a value begins with byte 58/],
    ["an error for a value", "*3\r\n-ERR\r\n", /a value begins with byte 45/],
    ["a negative zero", "*3\r\n$-0\r\n\r\n", /a length that is not a number/],
    ["a negative length", "*3\r\n$-2\r\n", /a value has -2 bytes/],
    ["a value beyond the limit", "*3\r\n$10001\r\n", /a value has 10001 bytes/],
    ["a value that is longer than it says", "*3\r\n$2\r\nabc\r\n", /a value does not end after 2 bytes/],
    ["an error without an end", `-${"x".repeat(4200)}`, /an error has no end/],
  ])("refused: %s", (_, text, message) => {
    expect(() => hashReplyReader(1, FIELDS, 10_000).take(Buffer.from(text))).toThrow(message);
    const byBytes = () => {
      const reader = hashReplyReader(1, FIELDS, 10_000);
      for (const byte of Buffer.from(text)) reader.take(Buffer.of(byte));
    };
    expect(byBytes).toThrow(message);
  });

  test("with one wrong byte are refused, incomplete, or replies that are written as those bytes", () => {
    const values = fc.array(fc.array(fc.option(bytes), { minLength: FIELDS, maxLength: FIELDS }), {
      ...{ minLength: 1, maxLength: 3 },
    });
    const wrong = fc.oneof(fc.constantFrom(..."\r\n$*-+:0123456789"), fc.string({ unit: "binary-ascii" }));
    fc.assert(
      fc.property(values, fc.nat(), wrong, fc.boolean(), (replies, place, byte, isAdded) => {
        const all = written(replies);
        const at = place % all.length;
        const bad = Buffer.concat([all.subarray(0, at), Buffer.from(byte), all.subarray(at + (isAdded ? 0 : 1))]);
        const reader = hashReplyReader(replies.length, FIELDS);
        let taken = 0;
        try {
          taken = reader.take(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
        }
        const { replies: found } = reader;
        // Numbers may have zeros in front. A reply may be an error, of any text.
        const plain = (text: Buffer) => text.toString("latin1").replaceAll(/(?<=[*$]-?)0+(?=\d)/g, "");
        if (found?.errors.size === 0)
          expect(plain(written(readBack(found, FIELDS)))).toBe(plain(bad.subarray(0, taken)));
      }),
      {
        numRuns: 1000,
        examples: [
          [[[null, null, null]], 2, "x", false],
          [[[null, null, null]], 2, "\n", false],
        ],
      },
    );
  });
});
