/**
 * The compiled example (`model-repo/`) through the official client and perf_analyzer.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve } from "#runtime/server/index.js";
import { runPython } from "./python.js";

const USERS = ["512300022", "512300042", "512300091"];
const folder = mkdtempSync(join(tmpdir(), "merlon-entry-"));

let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  const local = { port: 0, address: "127.0.0.1" };
  server = await serve({
    modelRepositories: [new URL("../../model-repo", import.meta.url).pathname],
    http: local,
    grpc: local,
    metrics: false,
    writeLog: () => {},
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

test("tritonclient: ready, metadata, configuration, and a batch of three users", async () => {
  const report = (await runPython("entry.py", [
    String(server.ports.grpc),
    String(server.ports.http),
    ...USERS,
  ])) as Record<"grpc" | "http", { ids: unknown }>;
  const expected = {
    ready: true,
    metadata: [
      ["user_id", "INT64", [-1, 1]],
      ["ordered_ids", "INT64", [-1, -1]],
      ["ordered_scores", "FP32", [-1, -1]],
    ],
    backend: "merlon",
    shape: [3, 10],
    distinct: true,
    repeatable: true,
    scores: true,
  };
  expect(report.grpc).toMatchObject(expected);
  expect(report.http).toMatchObject(expected);
  expect(report.http.ids).toEqual(report.grpc.ids);
});

test.each(["grpc", "http"] as const)(
  "perf_analyzer completes a measurement of the entry model over %s",
  async protocol => {
    const data = join(folder, "users.json");
    writeFileSync(data, JSON.stringify({ data: USERS.map(id => ({ user_id: [Number(id)] })) }));
    const report = await runPython("measure.py", [
      protocol,
      String(server.ports[protocol]),
      "recommend",
      "--input-data",
      data,
    ]);
    expect(report).toMatchObject({ exit_code: 0 });
    expect((report as { throughput: number }).throughput).toBeGreaterThan(0);
  },
);
