// The value types that Feast got after its lists, in stores that Feast 0.67 wrote: read here as `get_online_features` reads them, and over `feast serve`.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Secret } from "#contract/secret.js";
import { findView } from "#formats/feast/feast-registry.js";
import type { FeastRepository } from "#formats/feast/feast-repository.js";
import { feastType } from "#formats/feast/feast-type.js";
import { decodeValue } from "#formats/feast/feast-value.js";
import { openStore } from "#runtime/stores/feast/open-store.js";
import type { FeatureColumn } from "#runtime/stores/feast/store.js";
import { type Json, parseJson, WholeDouble } from "#runtime/wire/json/json.js";
import { scalars } from "../../../operators/step.js";
import { fill, redisAt } from "./every-redis.js";
import { feastAnswers, fixture, ourAnswers, repositoryOf } from "./every-type.js";
import { startRedis } from "./redis-server.js";

const NAME = "new-0.67";

/** JSON in the words of the fixture: integers as text, doubles as numbers. */
function spoken(json: Json): unknown {
  if (json instanceof Map) return Object.fromEntries([...json].map(([name, value]) => [name, spoken(value)]));
  if (Array.isArray(json)) return (json as readonly Json[]).map(spoken);
  if (json instanceof WholeDouble) return json.value;
  return typeof json === "bigint" || (typeof json === "number" && Number.isInteger(json)) ? String(json) : json;
}

/** JSON text here is an object there; sets have no order. */
function asFeast(repository: FeastRepository, answers: Awaited<ReturnType<typeof ourAnswers>>): unknown {
  const kinds = findView(repository.registry, "kinds")!;
  const features = Object.entries(answers.kinds!).map(([name, values]) => {
    const { name: type, item } = feastType(kinds.features.find(f => f.name === name)!.type!);
    const json = type.startsWith("JSON") || (typeof item === "string" && item !== "zoned");
    const read = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(read)
        : json && typeof value === "string"
          ? spoken(parseJson(Buffer.from(value)))
          : item === 1 && typeof value === "string"
            ? { base64: value }
            : value;
    return [name, values.map(read)] as const;
  });
  return sorted(Object.fromEntries(features));
}

const sorted = (features: Readonly<Record<string, readonly unknown[]>>): unknown =>
  Object.fromEntries(
    Object.entries(features).map(([name, values]) => [
      name,
      name.endsWith("_set")
        ? values.map(value => Array.isArray(value) && value.map(item => JSON.stringify(item)).sort())
        : values,
    ]),
  );
const expected = (): unknown => sorted(feastAnswers(NAME).kinds!);

test.each([
  ["memory", {}],
  ["statements", { memoryMb: 0 }],
])("SQLite, from %s", async (_, options) => {
  const repository = repositoryOf(NAME);
  expect(asFeast(repository, await ourAnswers(NAME, repository, options))).toEqual(expected());
});

test("Redis", async () => {
  const server = await startRedis();
  await fill(server.client(), NAME);
  const repository = { ...repositoryOf(NAME), onlineStore: redisAt(server.port) };
  expect(asFeast(repository, await ourAnswers(NAME, repository))).toEqual(expected());
  await server.stop();
});

test("the feature server's words are the stores'", async () => {
  const served = JSON.parse(readFileSync(join(fixture(NAME), "served.json"), "utf8")) as Record<
    string,
    { status: number; body: string }
  >;
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const asked = body && (JSON.parse(body) as { features: string[] }).features[0]!.split(":")[1]!;
    if (!asked) return response.end("{}");
    return response.writeHead(served[asked]!.status).end(served[asked]!.body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stored = repositoryOf(NAME);
  const remote: FeastRepository = {
    ...stored,
    onlineStore: { type: "remote", url: new Secret(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) },
  };
  const view = findView(stored.registry, "kinds")!;
  const keys = new Map([["user_id", scalars("int64", [1, 2, 3, 99])]]);
  for (const feature of view.features) {
    const answers = await Promise.all(
      [stored, remote].map(async repository => {
        const store = await openStore(repository, {});
        const reads = [{ view, features: [feature] }];
        const options = { bytes: "base64", eventTimes: true } as const;
        if (repository === remote && feature.type === "SCALAR_MAP") {
          expect(() => store.prepare(reads, options)).toThrow(
            /SCALAR_MAP, which Feast's feature server answers as null/,
          );
          return undefined;
        }
        const reader = await store.prepare(reads, options);
        const [{ values, offsets, status, eventSeconds }] = (await reader.getOnline(keys, 4)) as [FeatureColumn];
        await store.close();
        // A set has no order: Feast's own changes from process to process.
        const lists = offsets && Array.from(status, (_, i) => [...values.slice(offsets[i], offsets[i + 1])].sort());
        return { values: lists ?? values, status, eventSeconds };
      }),
    );
    if (answers[1]) expect(answers[1], feature.name).toEqual(answers[0]);
  }
  server.close();
});

test("maps inside one another without end, and a type from the future", () => {
  const wrap = (inner: Buffer): Buffer => {
    const sized = (tag: number, bytes: Buffer): Buffer => {
      const size: number[] = [];
      for (let n = bytes.length; ; n >>>= 7) {
        size.push(n > 127 ? (n & 127) | 128 : n);
        if (n <= 127) return Buffer.concat([Buffer.from([...tagBytes(tag), ...size]), bytes]);
      }
    };
    return sized((20 << 3) | 2, sized(10, sized(18, inner)));
  };
  const tagBytes = (tag: number): number[] => (tag > 127 ? [(tag & 127) | 128, tag >>> 7] : [tag]);
  const sink = { number() {}, words() {}, string() {}, bytes() {} };
  let value: Buffer = Buffer.from([0x18, 1]);
  for (let i = 0; i < 90; i++) value = wrap(value);
  expect(decodeValue(value, sink)).toBe("MAP");
  for (let i = 0; i < 5000; i++) value = wrap(value);
  expect(() => decodeValue(value, sink)).toThrow(/more than 100 maps or lists inside one another/);
  expect(() => decodeValue(Buffer.from([...tagBytes((90 << 3) | 2), 0]), sink)).toThrow(
    /a value of Feast's type 90, which is not known here/,
  );
});
