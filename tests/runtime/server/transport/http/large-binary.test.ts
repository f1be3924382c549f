/**
 * Outputs that leave behind the JSON of an HTTP answer, copied where they are small and as pieces of their own where they are large.
 */
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, startServer } from "../../support.js";

const tensor = (name: string): string => `{ name: "${name}" data_type: TYPE_UINT8 dims: [ -1 ] }`;
const CONFIG = `name: "two" backend: "identity" max_batch_size: 0
input [ ${tensor("INPUT0")}, ${tensor("INPUT1")} ]
output [ ${tensor("OUTPUT0")}, ${tensor("OUTPUT1")} ]
instance_group [ { kind: KIND_CPU } ]`;

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(repository([], { "two/config.pbtxt": CONFIG, "two/1/.keep": "" }));
});
afterAll(() => server.stop());

const bytesOf = (size: number, from: number): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, i) => (i + from) % 251));

/** The response: the JSON's length, the whole body, and its encoding. */
async function ask(sizes: readonly [number, number], headers: Readonly<Record<string, string>> = {}) {
  const sent = sizes.map((size, i) => bytesOf(size, 7 * i));
  const head = JSON.stringify({
    inputs: sizes.map((size, i) => ({
      name: `INPUT${i}`,
      datatype: "UINT8",
      shape: [size],
      parameters: { binary_data_size: size },
    })),
    parameters: { binary_data_output: true },
  });
  const answer = await fetch(`${server.http}/v2/models/two/infer`, {
    method: "POST",
    headers: { "inference-header-content-length": `${head.length}`, "accept-encoding": "identity", ...headers },
    body: Buffer.concat([Buffer.from(head), ...sent]),
  });
  const body = Buffer.from(await answer.arrayBuffer());
  return { answer, body, sent, json: Number(answer.headers.get("inference-header-content-length")) };
}

test.each([[[3, 5]], [[40_000, 20_000]], [[2 ** 16, 1]], [[300_000, 1_000_000]], [[1_000_000, 10]]] as const)(
  "outputs of %j bytes arrive whole and in order",
  async sizes => {
    const { answer, body, sent, json } = await ask(sizes);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/octet-stream");
    expect(answer.headers.get("content-length")).toBe(String(body.length));
    expect(JSON.parse(body.toString("utf8", 0, json))).toMatchObject({
      outputs: sizes.map((size, i) => ({ name: `OUTPUT${i}`, parameters: { binary_data_size: size } })),
    });
    expect(body.subarray(json).equals(Buffer.concat(sent))).toBe(true);
  },
);

test("a packed answer holds all pieces", async () => {
  const { answer, body, sent, json } = await ask([70_000, 70_000], { "accept-encoding": "gzip" });
  expect(answer.headers.get("content-encoding")).toBe("gzip");
  // The client of this test unpacks by itself.
  const plain = body[0] === 0x1f ? gunzipSync(body) : body;
  expect(plain.subarray(json).equals(Buffer.concat(sent))).toBe(true);
});
