// A build with a Feast repository whose store is Redis or a feature server. It copies the registry, the store's name as written, and the
// certificate beside it, but no secret.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { Secret } from "#contract/secret.js";
import type { RedisStore, RemoteStore } from "#formats/feast/feast-online-store.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
const folder = mkdtempSync(join(tmpdir(), "merlon-build-feast-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function built(name: string, store: string): Promise<string> {
  const program = join(folder, name);
  mkdirSync(program);
  cpSync(join(SAMPLES, "artefacts", "features"), join(program, "features"), { recursive: true });
  mkdirSync(join(program, "features", "certs"));
  writeFileSync(join(program, "features", "certs", "ca.pem"), "a certificate");
  writeFileSync(
    join(program, "features", "feature_store.yaml"),
    `project: samples\nregistry: data/registry.db\nonline_store:\n${store}\nentity_key_serialization_version: 3\n`,
  );
  writeFileSync(
    join(program, "main.ensemble.ts"),
    `import { ensemble, queryFeast, source } from "merlon";
const request = source({ user_id: "int64" });
export default ensemble("x", request >> queryFeast("features", { view: "user_features", features: ["age"], timeoutMs: 50 }));`,
  );
  const compiled = await compile(join(program, "main.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  build(compiled, join(program, "repo"));
  return join(program, "repo", "x", "1", "features", "features");
}
const filesOf = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => entry.name)
    .sort();

test("Redis", async () => {
  process.env.MERLON_TEST_PASSWORD = "hidden";
  const store =
    '  type: redis\n  connection_string: "cache:6379,ssl=true,ssl_ca_certs=certs/ca.pem,password=${MERLON_TEST_PASSWORD}"';
  const repository = await built("redis", store);
  expect(filesOf(repository)).toEqual(["ca.pem", "feature_store.yaml", "registry.db"]);
  const yaml = readFileSync(join(repository, "feature_store.yaml"), "utf8");
  expect(yaml).toContain("password=${MERLON_TEST_PASSWORD}");
  expect(yaml).not.toContain("hidden");
  expect(readFeastRepository(repository).onlineStore).toMatchObject({
    type: "redis",
    mode: "single",
    nodes: [{ host: "cache", port: 6379 }],
    tls: true,
    tlsAuthority: join(repository, "certs", "ca.pem"),
    password: expect.any(Secret),
  });
  expect((readFeastRepository(repository).onlineStore as RedisStore).password?.reveal()).toBe("hidden");
  delete process.env.MERLON_TEST_PASSWORD;
});

test("a client certificate is copied, its private key is not", async () => {
  const store = (key: string) =>
    `  type: redis\n  connection_string: "cache:6379,ssl=true,ssl_certfile=certs/ca.pem,ssl_keyfile=${key}"`;
  await expect(built("key", store("certs/key.pem"))).rejects.toThrow(
    /the `ssl_keyfile` of `features` is `certs\/key\.pem`, relative to the repository, and a private key is not copied/,
  );
  process.env.MERLON_TEST_KEY = "/run/secrets/redis-key.pem";
  const repository = await built("key-elsewhere", store("${MERLON_TEST_KEY}"));
  expect(filesOf(repository)).toEqual(["ca.pem", "feature_store.yaml", "registry.db"]);
  expect(readFeastRepository(repository).onlineStore).toMatchObject({
    tlsClient: { certificate: join(repository, "certs", "ca.pem"), key: "/run/secrets/redis-key.pem" },
  });
  delete process.env.MERLON_TEST_KEY;
});

test("a feature server", async () => {
  const repository = await built(
    "remote",
    "  type: remote\n  path: https://features.example:6566/\n  cert: certs/ca.pem",
  );
  expect(filesOf(repository)).toEqual(["ca.pem", "feature_store.yaml", "registry.db"]);
  const { onlineStore } = readFeastRepository(repository);
  expect(String((onlineStore as RemoteStore).url)).toBe("https://features.example:6566");
  expect(onlineStore).toEqual({
    type: "remote",
    url: expect.any(Secret),
    tlsAuthority: join(repository, "certs", "ca.pem"),
  });
});

test.each([
  ["odd", "  type: dynamodb", /the online store is `dynamodb`, and only `sqlite`, `redis`, `remote` can be read/],
  [
    "port",
    '  type: redis\n  connection_string: "host:99999,password=p"',
    /a part of its `connection_string` is neither/,
  ],
  ["none", '  type: redis\n  connection_string: "db=1"', /names no `host:port`/],
  ["db", '  type: redis\n  connection_string: "host:1,db=x"', /its `db` is not a number of a database/],
  ["url", "  type: remote\n  path: features.example", /which is not an http address/],
])("a store that makes no sense: %s", async (name, store, message) => {
  const fault = await built(name, store).catch((error: Error) => error.message);
  expect(fault).toMatch(message);
  expect(fault).not.toContain("password=p");
});
