/** Targets that never respond: commands and comparisons end at their deadlines, by default and as given. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";
import { record } from "#runtime/testing/recordings/record.js";
import { MERLON } from "../../../needs/built.js";
import { until } from "../../../run/wait.js";
import { readCassette } from "./read-cassette.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-silent-"));
const silent = createServer(() => {}).listen(0, "127.0.0.1");
let address: string;
beforeAll(async () => {
  await until("the server listens", () => silent.listening);
  address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
});
afterAll(() => void silent.close());

async function merlon(...args: readonly string[]) {
  const child = spawn(process.execPath, [MERLON, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (text += chunk));
  const [status] = await once(child, "close");
  return { status, text };
}

const out = (name: string): string => join(folder, name);
const afterMs = (ms: number) => ({ status: 1, text: `merlon: no answer within ${ms} ms\n` });

test("typegen, client status and record end after 10 seconds by default", async () => {
  const commands = ["http", "grpc"].flatMap(protocol => {
    const url = `${protocol}://${address}`;
    return [
      ["typegen", "--server", url, "--out", out(`${protocol}.ts`)],
      ["client", "status", "--url", url],
      ["record", "--target", url, "--out", out(`${protocol}.cassette`)],
    ];
  });
  const ended = await Promise.all(commands.map(command => merlon(...command)));
  expect(ended).toEqual(commands.map(() => afterMs(10_000)));
  expect(["http.ts", "grpc.ts", "http.cassette", "grpc.cassette"].filter(name => existsSync(out(name)))).toEqual([]);
}, 60_000);

test("diff ends where a model never answers, and names the line of the request", async () => {
  const twice = defineModel({
    inputs: { x: "FP32[-1]" },
    outputs: { y: "FP32[-1]" },
    answer: ({ inputs }) => ({ y: inputs.x.data.map(v => 2 * v) }),
  });
  // Each side has its own server, since a held request keeps the model's only instance.
  await using first = await createTestServer({ models: { twice } });
  await using second = await createTestServer({ models: { twice } });
  const cassette = out("never.cassette");
  const recording = await record({ grpc: `grpc://${first.grpc}`, out: cassette });
  await using client = await connect(`grpc://127.0.0.1:${recording.ports.grpc}`);
  await client.infer("twice", { x: [1] });
  await client.infer("twice", { x: [2] });
  await recording.stop();
  const [, { line } = { line: 0 }] = (await readCassette(cassette)).exchanges;
  const held: (() => void)[] = [];
  for (const server of [first, second])
    server.model("twice").replace(async ({ inputs }) => {
      if (inputs.x.data[0] === 2) await new Promise<void>(resolve => held.push(resolve));
      return { y: inputs.x.data.map(v => 2 * v) };
    });
  const sides = [first.grpc, second.http];
  // Long enough for a busy machine to answer the first request.
  const ended = await Promise.all(sides.map(side => merlon("diff", cassette, side, "--deadline", "5")));
  for (const release of held) release();
  expect(ended).toEqual(
    sides.map(side => ({
      status: 1,
      text: `merlon: ${side} gave no answer to the request on line ${line} within 5 s. --deadline gives it longer\n`,
    })),
  );
}, 60_000);
