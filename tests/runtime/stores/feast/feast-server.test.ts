// Feast's feature server's responses, word for word (tests/oracles/feast/serve_answers.py: 0.31 and 0.67), compared with a direct read of
// its store.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { findView } from "#formats/feast/feast-registry.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import { scalars } from "../../../operators/step.js";
import { fixture, repositoryOf } from "./every-type.js";

test.each(["every-0.31-k2", "every-0.67-k3"])("%s", async name => {
  const served = readFileSync(join(fixture(name), "served.json"));
  const asked: unknown[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    if (body) asked.push(JSON.parse(body));
    response.end(served);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stored = repositoryOf(name);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const view = findView(stored.registry, "values")!;
  const wanted = ["raw", "raws", "i64", "text", "moments"];
  const features = view.features.filter(f => wanted.includes(f.name));
  const answers = [];
  for (const repository of [
    stored,
    { ...stored, onlineStore: { type: "remote", url: new Secret(url, url) } as const },
  ]) {
    const store = await openStore(repository, {});
    const reader = await store.prepare([{ view, features }], { bytes: "utf8", eventTimes: true });
    const columns = await reader.getOnline(new Map([["user_id", scalars("int64", [1, -2, 99])]]), 3);
    answers.push(
      columns.map(({ values, offsets, status, eventSeconds }) => ({ values, offsets, status, eventSeconds })),
    );
    await store.close();
  }
  expect(answers[1]).toEqual(answers[0]);
  expect(asked).toEqual([
    {
      features: features.map(f => `values:${f.name}`),
      entities: { user_id: [1, -2, 99] },
      full_feature_names: true,
    },
  ]);
  server.close();
});
