/**
 * Large requests use the same memory one after the other. Among refused, compressed and cancelled ones, each response holds its own bytes.
 */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, startServer } from "../runtime/server/support.js";
import { call, field, inferRequest, tensor } from "./support/grpc-call.js";
import { post } from "./support/meter.js";

const CLIENTS = 8;
const config = (name: string, type: string): string => `name: "${name}" backend: "identity"
input [ { name: "INPUT0" data_type: TYPE_${type} dims: [ -1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_${type} dims: [ -1 ] } ]`;

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  const files = {
    ...{ "numbers/config.pbtxt": config("numbers", "INT32"), "numbers/1/.keep": "" },
    ...{ "texts/config.pbtxt": config("texts", "STRING"), "texts/1/.keep": "" },
  };
  server = await startServer(repository([], files));
});
afterAll(() => server.stop());

interface Request {
  readonly kind: (typeof KINDS)[number];
  readonly size: number;
  readonly seed: number;
}
const KINDS = [
  "numbers",
  "texts",
  "packed numbers",
  "packed texts",
  "refused",
  "bomb",
  "grpc",
  "packed grpc",
  "left",
] as const;

const numbersOf = ({ seed, size }: Request): number[] =>
  Array.from({ length: size }, (_, i) => (seed * 2654435761 + i * 40503) | 0);
const textOf = ({ seed, size }: Request): string => `${seed} `.repeat(Math.ceil(size / 4));

const inputs = (datatype: string, shape: readonly number[], data: string): string =>
  `{"inputs":[{"name":"INPUT0","datatype":"${datatype}","shape":[${shape}],"data":${data}}]}`;
const ofNumbers = (values: readonly number[]): string => inputs("INT32", [values.length], JSON.stringify(values));
const GZIP = { "Content-Encoding": "gzip" };

async function overHttp(model: string, body: string, isPacked: boolean): Promise<string> {
  const sent = isPacked ? gzipSync(body) : body;
  const { body: text } = await post(server.ports.http!, `/v2/models/${model}/infer`, sent, isPacked ? GZIP : {});
  return text;
}

async function isRight(request: Request): Promise<boolean> {
  const { kind } = request;
  const isPacked = kind.startsWith("packed");
  if (kind.endsWith("texts")) {
    const text = textOf(request);
    return (await overHttp("texts", inputs("BYTES", [1], JSON.stringify([text])), isPacked)).includes(`["${text}"]`);
  }
  const values = numbersOf(request);
  if (kind.endsWith("numbers"))
    return (await overHttp("numbers", ofNumbers(values), isPacked)).includes(`"data":[${values}]`);
  if (kind === "refused") return (await overHttp("numbers", ofNumbers(values).slice(0, -4), false)).includes("error");
  if (kind === "bomb") return (await overHttp("numbers", " ".repeat(50 * 2 ** 20), true)).includes("exceeds");
  const bytes = Buffer.from(Int32Array.from(values).buffer);
  const message = inferRequest("numbers", [tensor("INT32", [values.length])], [field(7, bytes)]);
  if (kind === "left") return (await call(server.ports.grpc!, message, { leaveAfter: 0 })).code <= 0;
  const { body } = isPacked
    ? await call(server.ports.grpc!, gzipSync(message), { encoding: "gzip" })
    : await call(server.ports.grpc!, message);
  return body.subarray(-bytes.length).equals(bytes);
}

test("each response holds the bytes of its own request", { timeout: 120_000 }, async () => {
  const request = fc.record({
    kind: fc.constantFrom(...KINDS),
    size: fc.constantFrom(4, 3000, 9000, 60_000),
    seed: fc.integer({ min: 1, max: 2 ** 30 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 4 * CLIENTS, maxLength: 8 * CLIENTS }), async requests => {
      const waiting = [...requests];
      const wrong: Request[] = [];
      const client = async (): Promise<void> => {
        for (let next = waiting.pop(); next; next = waiting.pop()) if (!(await isRight(next))) wrong.push(next);
      };
      await Promise.all(Array.from({ length: CLIENTS }, client));
      expect(wrong).toEqual([]);
    }),
    { numRuns: 5, endOnFailure: true },
  );
});
