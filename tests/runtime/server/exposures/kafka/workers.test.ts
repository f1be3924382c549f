// `merlon serve` with a topic: two workers, SIGTERM while exposures wait, and a password that no output shows.
import { afterEach, expect, test, vi } from "vitest";
import { serveWorkers } from "../../workers/served.js";
import { loggedRepository, requestOf } from "../logged-ensemble.js";
import { startCluster, type TestCluster } from "./cluster.js";

const ROW = { user: 1, ids: [1, 2, 3, 4, 5, 6], popular: [3, 9] };
const ROWS = 7;

let cluster: TestCluster | undefined;
afterEach(() => {
  cluster?.stop();
  cluster = undefined;
});

test("two workers: every exposure arrives once, and SIGTERM sends those that wait", { timeout: 120_000 }, async () => {
  cluster = await startCluster({ brokers: 2 });
  const address = `kafka://${cluster.brokers}/exposures`;
  const served = await serveWorkers(await loggedRepository(), 2, ["--exposures", address]);
  const ids = Array.from({ length: 40 }, (_, i) => `r-${i}`);
  const statuses = await Promise.all(
    ids.map(async id => (await served.call("POST", "/v2/models/logged/infer", requestOf([ROW], { id }))).status),
  );
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(await served.stop()).toBe(0);
  const messages = await cluster.read("exposures");
  const found = messages.map(({ key, row }) => `${key} ${String(row.item)}`);
  expect(found).toHaveLength(ids.length * ROWS);
  expect(new Set(found).size).toBe(ids.length * ROWS);
  expect(new Set(messages.map(({ key }) => key))).toEqual(new Set(ids));
});

test("credentials of the environment are in no output", { timeout: 120_000 }, async () => {
  cluster = await startCluster();
  vi.stubEnv("KAFKA_USER", "a-user-name");
  vi.stubEnv("KAFKA_PASSWORD", "a-secret-password");
  const options = "sasl=PLAIN&user=env:KAFKA_USER&password=env:KAFKA_PASSWORD";
  const flags = ["--exposures", `kafka://${cluster.brokers}/exposures?${options}`, "--exit-timeout-secs", "1"];
  const served = await serveWorkers(await loggedRepository(), 2, flags);
  try {
    const { status } = await served.call("POST", "/v2/models/logged/infer", requestOf([ROW], { id: "r" }));
    expect(status).toBe(200);
    await vi.waitFor(() => expect(served.log()).toMatch(/exposures cannot be written to 'kafka:/), 30_000);
    const { text } = await served.call("GET", "/v2");
    expect(served.log()).toContain("sends its password unencrypted");
    expect(served.log() + text).not.toMatch(/a-user-name|a-secret-password/);
  } finally {
    await served.stop();
    vi.unstubAllEnvs();
  }
});
