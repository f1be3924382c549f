/** A log that a server wrote: clicks on its responses are joined, by request and by user. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { joinFeedback } from "#runtime/etl/feedback/join.js";
import { loggedRepository, requestOf } from "../../server/exposures/logged-ensemble.js";
import { startServer } from "../../server/support.js";
import { literal, sql } from "./log.js";
import "../../../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-feedback-served-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("each click on the first item of a response makes its row positive", { timeout: 120_000 }, async () => {
  const log = join(folder, "exposures");
  const server = await startServer(
    await loggedRepository({ log: `{ columns: [request["user_id"]], candidates: { all: 1 } }` }),
    { exposures: { folder: log } },
  );
  const clicks: { request_id: string; user_id: number; item: number; time: string }[] = [];
  try {
    for (let user = 1; user <= 5; user++) {
      const ids = [1, 2, 3, 4, 5, 6].map(i => user * 10 + i);
      const request = requestOf([{ user, ids, popular: [3, 9] }], { id: `request ${user}` });
      const { body } = await server.post("/v2/models/logged/infer", request);
      const { outputs } = body as { outputs: { data: number[] }[] };
      const time = new Date(Date.now() + 1000).toISOString();
      clicks.push({ request_id: `request ${user}`, user_id: user, item: outputs[0]!.data[0]!, time });
    }
  } finally {
    await server.stop();
  }
  const events = join(folder, "clicks.jsonl");
  const out = join(folder, "joined.parquet");
  const positives = () =>
    sql(
      `SELECT request_id, user_id::INTEGER, item::INTEGER, "position" FROM read_parquet(${literal(out)}) WHERE label = 1 ORDER BY request_id`,
    );
  const wanted = clicks.map(({ request_id, user_id, item }) => [request_id, user_id, item, 1]);

  writeFileSync(events, clicks.map(({ user_id: _, ...click }) => `${JSON.stringify(click)}\n`).join(""));
  const byRequest = await joinFeedback([join(log, "logged")], [events], out, { window: 3600, attribution: "last" });
  expect(await positives()).toEqual(wanted);
  expect(byRequest.exposures).toMatchObject({ requests: 5, shown: 15 });
  expect(byRequest.joined).toEqual({ rows: 15, positives: 5, withEvent: 5, reward: 5 });

  writeFileSync(events, clicks.map(({ request_id: _, ...click }) => `${JSON.stringify(click)}\n`).join(""));
  const options = { window: 3600, attribution: "last", user: "user_id", notShown: true } as const;
  const byUser = await joinFeedback([join(log, "logged")], [events], out, options);
  expect(await positives()).toEqual(wanted);
  expect(byUser.joined).toMatchObject({ rows: byUser.exposures.rows, positives: 5 });
  expect(byUser.exposures.rows).toBeGreaterThan(15);
});
