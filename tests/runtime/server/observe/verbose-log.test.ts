/**
 * A verbose log's lines about good and bad requests, beside those of a Triton 2.73 (`tests/oracles/triton/verbose-log.mjs`).
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { grpcClient, sendGrpc } from "../../../conformance/send-grpc.js";
import { elapse } from "../../../run/wait.js";
import { repository, startServer } from "../support.js";

interface Case {
  readonly protocol: "http" | "grpc" | "stream";
  readonly path?: string;
  readonly body?: string;
  readonly request?: Record<string, unknown>;
  readonly times?: number;
  readonly lines: readonly string[];
}
const { models, requests } = JSON.parse(
  readFileSync(new URL("../../../fixtures/verbose-log/requests.json", import.meta.url), "utf8"),
) as { models: Record<string, string>; requests: readonly Case[] };
const files = Object.fromEntries(
  Object.entries(models).flatMap(([name, config]) => [
    [`${name}/config.pbtxt`, config],
    [`${name}/1/.keep`, ""],
  ]),
);

const started = (escaped = true) =>
  startServer(repository([], files), {
    log: { info: true, warning: true, error: true, verbose: 1, format: "default", escape: escaped },
  });
let server: Awaited<ReturnType<typeof started>>;
let client: ReturnType<typeof grpcClient>;
beforeAll(async () => {
  server = await started();
  client = grpcClient(`127.0.0.1:${server.ports.grpc}`);
});
afterAll(async () => {
  client.close();
  await server.stop();
});

const send = ({ protocol, path, body, request = {} }: Case): Promise<unknown> => {
  if (protocol === "http")
    return fetch(`${server.http}${path}`, { method: "POST", body: body! }).then(answer => answer.text());
  return protocol === "grpc"
    ? sendGrpc(client, { rpc: "ModelInfer", request } as never)
    : sendGrpc(client, { rpc: "ModelStreamInfer", requests: [request] } as never);
};

/** The lines of requests without their times: `http_server] "HTTP request: …"`. */
const linesOf = (log: readonly string[]): readonly string[] =>
  log.flatMap(line => {
    const [, source, text] = /^I\d{4} [\d:.]+ \d+ (\w+)\.ts:0\] (.*)$/.exec(line.trimEnd()) ?? [];
    return /^"(HTTP|\[request id)/.test(text ?? "") ? [`${source}] ${text}`] : [];
  });
/** Ours also name the element at fault. */
const withoutElement = (line: string): string => line.replace(/ \(element \d+ of input .*\)"$/, '"');
/** Ours name no C++ files, and no addresses. */
const plain = (line: string): string => line.replace(/^(\w+)\.\w+/, "$1").replaceAll("[<address>] ", "");

const told = requests.map(
  (one, i) => [`${i}: ${one.protocol} ${one.path ?? JSON.stringify(one.request)}`, one] as const,
);
test.each(told)("%s", async (_, one) => {
  const before = server.log.length;
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < (one.times ?? 1); i++) {
    sent.push(send(one));
    await elapse(one.times ? 100 : 0);
  }
  await Promise.all(sent);
  expect(linesOf(server.log.slice(before)).map(withoutElement)).toEqual(one.lines.map(plain));
});

const bad = (name: string, id = "bad"): Case => ({
  protocol: "http",
  path: "/v2/models/same/infer",
  body: JSON.stringify({ id, inputs: [{ name, datatype: "FP32", shape: [1, 1], data: [1] }] }),
  lines: [],
});

test("what a client sends neither makes a line of its own nor fills the log", async () => {
  const forged = "I0101 00:00:00.000000 1 server.cc:1] forged";
  const before = server.log.length;
  await send(bad(`\n${forged}\n`));
  await send(bad("WRONG", "\u0001".repeat(2 ** 20)));
  const written = server.log.slice(before);
  expect(written).toHaveLength(4);
  for (const line of written) {
    expect(line.trimEnd()).not.toContain("\n");
    expect(line.length).toBeLessThan(2 ** 16);
  }
});

test("without escapes the record is unchanged, as in Triton", async () => {
  const other = await started(false);
  try {
    const forged = "I0101 00:00:00.000000 1 server.cc:1] forged";
    await fetch(`${other.http}/v2/models/same/infer`, { method: "POST", body: bad(`\n${forged}\n`).body! });
    expect(other.log.join("").split("\n")).toContain(forged);
  } finally {
    await other.stop();
  }
});
