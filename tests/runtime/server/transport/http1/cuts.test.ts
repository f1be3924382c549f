/**
 * Held bytes, and requests whose bytes arrive in any pieces.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Connection } from "#runtime/server/transport/http1/connection.js";
import { HeldBytes } from "#runtime/server/transport/http1/held-bytes.js";
import { DEFAULT_LIMITS } from "#runtime/server/transport/http1/limits.js";
import { until } from "../../../../run/wait.js";
import { bodyOf, idleSocket } from "./support.js";

test("held bytes are those of a buffer that is put together and cut", () => {
  const step = fc.oneof(
    fc.record({ add: fc.uint8Array({ maxLength: 3000 }), from: fc.nat(10) }),
    fc.record({ drop: fc.nat(4000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const held = new HeldBytes();
      let expected = Buffer.alloc(0);
      for (const one of steps) {
        if ("add" in one) {
          const from = Math.min(one.from, one.add.length);
          held.append(Buffer.from(one.add), from);
          expected = Buffer.concat([expected, one.add.subarray(from)]);
        } else {
          const count = Math.min(one.drop, expected.length);
          held.drop(count);
          expected = expected.subarray(count);
        }
        expect(held.size).toBe(expected.length);
        if (expected.length > 0) expect(held.view().equals(expected)).toBe(true);
      }
    }),
  );
});

/** A handler's view of each request, and the sent bytes. @param late answers when the event loop turns */
async function serve(pieces: readonly Buffer[], late: boolean): Promise<readonly string[]> {
  const socket = idleSocket();
  const seen: string[] = [];
  const connection = new Connection(
    socket,
    exchange => {
      const { method, target, fields } = exchange.head;
      const answer = (body: string): void => {
        seen.push(`${method} ${target} ${JSON.stringify(fields)} ${body}`);
        exchange.reply(200, [], []);
      };
      bodyOf(exchange).then(
        body => (late ? setImmediate(() => answer(body.toString("latin1"))) : answer(body.toString("latin1"))),
        () => seen.push("cut"),
      );
    },
    { ...DEFAULT_LIMITS, stallTime: 0 },
  );
  socket.on("finish", () => seen.push("ended"));
  for (const piece of pieces) {
    socket.emit("data", piece);
    // Node emits nothing while a socket is paused.
    await until("it reads again", () => !socket.isPaused());
  }
  for (let i = 0; i < 40; i++) await new Promise(setImmediate);
  connection.destroy();
  return seen;
}

const REQUESTS = [
  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
  "\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
  'POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a="b c"\r\nabc\r\n0\r\nT: u\r\n\r\n',
  `GET /d HTTP/1.1\r\nHost: x\r\nLong: ${"y".repeat(1500)}\r\n\r\n`,
  "GET /e HTTP/1.0\r\n\r\n",
  "GET /f HTTP/1.1\r\n\r\n",
  "GET /g HTTP/1.1\r\nHost: x\r\nA: b\r\rc\r\n\r\n",
];

test("requests in any pieces are the requests of one piece", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      async (requests, sizes, late) => {
        const bytes = Buffer.from(requests.join(""), "latin1");
        const pieces: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = at + sizes[i % sizes.length]!;
          pieces.push(bytes.subarray(at, end));
          at = end;
        }
        expect(await serve(pieces, late)).toEqual(await serve([bytes], late));
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
