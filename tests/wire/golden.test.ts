/**
 * Replays recorded requests of a real Triton and compares every answer under the records' masks.
 */
import { readFileSync } from "node:fs";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { serve } from "#runtime/index.js";
import { compareGrpc, compareHttp } from "./compare.js";
import { KNOWN_DIFFERENCES } from "./known-differences.js";
import type { GrpcRecord } from "./replay-grpc.js";
import type { HttpRecord } from "./replay-http.js";

const folder = new URL("../fixtures/triton/", import.meta.url);
type Flagged = { readonly id: string; readonly server_flags?: readonly string[] };

function groups<T extends Flagged>(file: string): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const line of readFileSync(new URL(file, folder), "utf8").trim().split("\n")) {
    const record = JSON.parse(line) as T;
    const group = record.id.split("/")[0]!;
    found.set(group, [...(found.get(group) ?? []), record]);
  }
  return found;
}

const start = (flags: readonly string[] | undefined) =>
  serve({
    modelRepositories: [new URL("models", folder).pathname],
    http: { port: 0, address: "127.0.0.1" },
    grpc: { port: 0, address: "127.0.0.1" },
    metrics: false,
    // The default of records without flags is `--allow-client-shm=true`.
    ...(flags?.includes("--id=golden") ? { id: "golden" } : { allowClientShm: true }),
    writeLog: () => {},
  });

describe("gRPC", () => {
  for (const [group, records] of groups<GrpcRecord & Flagged>("grpc.jsonl"))
    test(`${group}: ${records.length} records`, async () => {
      const server = await start(records[0]!.server_flags);
      const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
      try {
        check(await compareGrpc(client, records));
      } finally {
        client.close();
        await server.stop();
      }
    });
});

describe("HTTP", () => {
  for (const [group, records] of groups<HttpRecord & Flagged>("http.jsonl"))
    test(`${group}: ${records.length} records`, async () => {
      const server = await start(records[0]!.server_flags);
      try {
        check(await compareHttp(server.ports.http!, records));
      } finally {
        await server.stop();
      }
    });
});

/** Every record is equal, but for those listed with a reason; a listed one that has become equal must leave the list. */
function check(
  outcomes: readonly { readonly id: string; readonly note: string; readonly differences: readonly string[] }[],
): void {
  const differing = outcomes.filter(({ differences }) => differences.length > 0);
  const unexpected = differing.filter(({ id }) => !KNOWN_DIFFERENCES.has(id));
  expect(
    unexpected.map(({ id, note, differences }) => `${id} (${note}): ${differences.slice(0, 3).join("; ")}`),
  ).toEqual([]);
  const equalNow = outcomes.filter(({ id, differences }) => KNOWN_DIFFERENCES.has(id) && differences.length === 0);
  expect(equalNow.map(({ id }) => id)).toEqual([]);
}
