// A file with the messages of a topic is joined as the Parquet files of the same requests are.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { joinFeedback } from "#runtime/etl/feedback/join.js";
import { startCluster } from "../../server/exposures/kafka/cluster.js";
import { loggedRepository, requestOf } from "../../server/exposures/logged-ensemble.js";
import { startServer } from "../../server/support.js";
import { literal, sql } from "./log.js";
import "../../../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-messages-"));
const file = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OPTIONS = { window: 3600, attribution: "last", notShown: true } as const;

test("messages of a server's topic, some of them twice", { timeout: 120_000 }, async () => {
  const repository = await loggedRepository();
  const cluster = await startCluster();
  const clicks: object[] = [];
  try {
    for (const place of [file("log"), `kafka://${cluster.brokers}/exposures`]) {
      const server = await startServer(repository, { exposures: { folder: place } });
      for (let user = 1; user <= 5; user++) {
        const ids = [1, 2, 3, 4, 5, 6].map(i => user * 10 + i);
        const given = { id: `request ${user}`, parameters: { seed: user } };
        // Texts that look like other types.
        const country = ["2024-01-01", "12", "null", "true", "00000000-0000-0000-0000-000000000000"][user - 1]!;
        const request = requestOf([{ user, country, ids, popular: [3, 9] }], given);
        const { body } = await server.post("/v2/models/logged/infer", request);
        const { outputs } = body as { outputs: { data: number[] }[] };
        const time = new Date(Date.now() + 60_000).toISOString();
        if (place === file("log")) clicks.push({ request_id: given.id, item: outputs[0]!.data[0]!, time });
      }
      await server.stop();
    }
    const lines = (await cluster.read("exposures")).map(({ text }) => text);
    writeFileSync(file("messages.jsonl"), [...lines, ...lines.slice(0, 7)].join("\n"));
  } finally {
    cluster.stop();
  }
  writeFileSync(file("clicks.jsonl"), clicks.map(click => JSON.stringify(click)).join("\n"));
  const joined = async (log: string, out: string) => {
    const report = await joinFeedback([log], [file("clicks.jsonl")], file(out), OPTIONS);
    expect(report.events.matched).toBe(5);
    return sql(`SELECT * EXCLUDE (time, event_time) FROM read_parquet(${literal(file(out))}) ORDER BY ALL`);
  };
  const fromMessages = await joined(file("messages.jsonl"), "messages.parquet");
  expect(fromMessages).toEqual(await joined(join(file("log"), "logged"), "files.parquet"));
  expect(fromMessages).toHaveLength(5 * 8);
});

test("a value at fault is named with its file", { timeout: 60_000 }, async () => {
  const row = {
    ...{ request_id: "a", request_row: 0, time: "2024-01-01T00:00:00.000000Z", model: "m", version: 1, plan: "p" },
    ...{ artefacts: null, arm: null, seed: null, item: 1, position: 0, score: null, propensity: null },
    ...{ list_propensity: null, sources: ["s"], log_rate: 1 },
  };
  writeFileSync(file("fault.jsonl"), `${JSON.stringify({ ...row, position: 1 })}\n${JSON.stringify(row)}\n`);
  writeFileSync(file("clicks.jsonl"), '{"request_id":"a","item":1,"time":"2024-01-01T00:00:01Z"}\n');
  await expect(
    joinFeedback([file("fault.jsonl")], [file("clicks.jsonl")], file("out.parquet"), OPTIONS),
  ).rejects.toThrow(/fault\.jsonl`: column `position` has "0" in row [01], expected a place from 1, or null/);
});

test("other JSON lines are refused by name", { timeout: 60_000 }, async () => {
  writeFileSync(file("clicks.jsonl"), '{"request_id":"a","item":1,"time":"2024-01-01T00:00:00Z"}\n');
  const join = () => joinFeedback([file("other.jsonl")], [file("clicks.jsonl")], file("out.parquet"), OPTIONS);
  writeFileSync(file("other.jsonl"), '{"request_id":"a"}\n');
  await expect(join()).rejects.toThrow(/other\.jsonl` has no column `request_row`\. Expected are the messages/);
  writeFileSync(file("other.jsonl"), '{"request_id":"a"\n');
  await expect(join()).rejects.toThrow(/other\.jsonl/);
});
