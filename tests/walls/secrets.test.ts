// A secret in any place of a feature_store.yaml, and on the command line: no message, log, index, metric or built repository has it, whatever fails.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { build, compile, printDiagnostics } from "#compiler/index.js";
import { freePort } from "#conformance/free-ports.js";
import { readFeastRepository } from "#formats/feast/feast-repository.js";
import { MERLON } from "../needs/built.js";
import { untilWritten } from "../run/wait.js";
import { WORKERS } from "../run/workers.js";

const SAMPLES = join(import.meta.dirname, "..", "samples");
const folder = mkdtempSync(join(tmpdir(), "merlon-secrets-"));
const CANARY = "c4nary7";
const ENVIRONMENT = {
  CANARY,
  CANARY_USER: `user:${CANARY}`,
  CANARY_REDIS: `127.0.0.1:1,password=${CANARY}`,
  CANARY_URL: `http://user:${CANARY}@127.0.0.1:1`,
};

/** Unhelpful servers: one repeats its input in an error; one never responds. */
const servers: Server[] = [];
const ports = { echo: 0, silent: 0, http: 0 };

beforeAll(async () => {
  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  ports.echo = await listen(
    createServer(socket => {
      socket.on("error", () => {});
      socket.on("data", data =>
        socket.write(`-ERR unknown command ${data.toString("latin1").replace(/[\r\n]+/g, " ")}\r\n`),
      );
    }),
  );
  ports.silent = await listen(createServer(socket => socket.on("error", () => {})));
  ports.http = await listen(
    createHttpServer((request, response) => {
      const { authorization = "" } = request.headers;
      response.writeHead(401).end(`${authorization} ${Buffer.from(authorization.slice(6), "base64")}`);
    }),
  );
});
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

const redis = (connection: string): string => `online_store:\n  type: redis\n  connection_string: ${connection}`;
const remote = (path: string): string => `online_store:\n  type: remote\n  path: ${path}`;
const sqlite = "online_store:\n  type: sqlite\n  path: data/online_store.db";
const registry = (text: string): string => `registry: ${text}\n${sqlite}`;

/** By name: the file's content besides the project and the registry. */
const stores = (): Readonly<Record<string, string>> => ({
  refused: redis(`127.0.0.1:1,password=${CANARY}`),
  marks: redis(`127.0.0.1:1,password=${CANARY}/x@y`),
  comma: redis(`127.0.0.1:1,password=aa,${CANARY}`),
  at: redis(`${CANARY}@127.0.0.1:1`),
  slash: redis(`127.0.0.1:1/${CANARY}`),
  redis_url: redis(`redis://user:${CANARY}@127.0.0.1:1/0`),
  db: redis(`127.0.0.1:1,db=${CANARY}`),
  whole: redis("${CANARY_REDIS}"),
  host: redis("${CANARY}.invalid:1"),
  echo: redis(`127.0.0.1:${ports.echo},username=u,password=${CANARY}`),
  echo_reference: redis(`127.0.0.1:${ports.echo},password=\${CANARY}`),
  no_tls: redis(`127.0.0.1:${ports.echo},ssl=true,password=${CANARY}`),
  silent: redis(`127.0.0.1:${ports.silent},password=${CANARY}`),
  key: redis(`127.0.0.1:1,ssl=true,ssl_certfile=c,ssl_keyfile=/k,ssl_password=${CANARY}`),
  unread: `${redis(`127.0.0.1:1,token=${CANARY}`)}\n  headers: { authorization: ${CANARY} }`,
  url: remote(`http://user:${CANARY}@127.0.0.1:1`),
  url_slash: remote(`http://user:a/${CANARY}@127.0.0.1:1`),
  url_at: remote(`http://user:a@${CANARY}@127.0.0.1:1`),
  url_encoded: remote(`http://user:%40${CANARY}@127.0.0.1:1`),
  url_user: remote(`http://${CANARY}@127.0.0.1:1`),
  url_reference: remote("${CANARY_URL}"),
  url_part: remote("http://${CANARY_USER}@127.0.0.1:1"),
  url_path: remote("http://127.0.0.1:1/${CANARY}"),
  url_query: remote(`http://127.0.0.1:1/?token=${CANARY}`),
  no_scheme: remote(`user:${CANARY}@features.example`),
  http_echo: remote(`http://user:${CANARY}@127.0.0.1:${ports.http}`),
  http_silent: remote(`http://user:${CANARY}@127.0.0.1:${ports.silent}`),
  registry_url: registry(`postgresql://feast:${CANARY}@db/feast`),
  registry_slash: registry(`postgresql://feast:a/${CANARY}@db/feast`),
  registry_at: registry(`postgresql://feast:a@${CANARY}@db/feast`),
  registry_sql: registry(`\n  registry_type: sql\n  path: postgresql://feast:b/${CANARY}@db/feast`),
  registry_query: registry(`s3://bucket/registry.db?X-Amz-Signature=${CANARY}`),
  sqlite_url: `online_store:\n  type: sqlite\n  path: postgresql://u:${CANARY}@h/db`,
  type: "online_store:\n  type: ${CANARY}",
  yaml_excerpt: `online_store:\n  type: redis\n  password: ${CANARY}: [`,
  yaml_alias: `online_store:\n  password: *${CANARY}`,
  yaml_tag: `online_store: !${CANARY} dynamodb`,
  yaml_double: `online_store:\n  ${CANARY}: 1\n  ${CANARY}: 2`,
  yaml_text: `online_store: redis\n${CANARY}`,
});

/** Only these programs are compiled, which takes a second each. */
const COMPILED = [
  "refused",
  "key",
  "whole",
  "host",
  "echo_reference",
  "unread",
  "url",
  "url_reference",
  "url_part",
  "url_path",
];

/** A program beside a Feast repository with such a file. */
function program(name: string, store: string): string {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  cpSync(join(SAMPLES, "artefacts", "features"), join(at, "features"), { recursive: true });
  writeFileSync(join(at, "features", "feature_store.yaml"), yaml(store));
  writeFileSync(
    join(at, "main.ensemble.ts"),
    `import { ensemble, queryFeast, source } from "merlon";
const request = source({ user_id: "int64" });
export default ensemble("${name}", request >> queryFeast("features", { view: "user_features", features: ["age"], timeoutMs: 300 }));`,
  );
  return join(at, "main.ensemble.ts");
}

const yaml = (store: string): string =>
  `project: samples\n${store.startsWith("registry:") ? "" : "registry: data/registry.db\n"}${store}\nentity_key_serialization_version: 3\n`;

/** The canary as it is, and in a header. */
const leaks = (text: string): string[] =>
  [CANARY, Buffer.from(`user:${CANARY}`).toString("base64"), Buffer.from(CANARY).toString("base64")].filter(form =>
    text.includes(form),
  );

test("the compiler says no secret, and a build has none", async () => {
  Object.assign(process.env, ENVIRONMENT);
  const warnings: string[] = [];
  const warned = (warning: Error) => warnings.push(inspect(warning));
  process.on("warning", warned);
  try {
    const found: string[] = [];
    const built: string[] = [];
    for (const [name, store] of Object.entries(stores())) {
      let said = "";
      try {
        const file = program(name, store);
        const read = readFeastRepository(join(file, "..", "features"));
        // A host is not a secret where the connection is made; messages show its variable.
        if (name !== "host") said = inspect(read, { depth: 9 }) + JSON.stringify(read.onlineStore);
        const compiled = COMPILED.includes(name) ? await compile(file) : undefined;
        said += printDiagnostics(compiled?.diagnostics ?? []);
        if (compiled?.ok) {
          const out = join(folder, name, "repository");
          build(compiled, out);
          built.push(name);
          for (const entry of readdirSync(out, { recursive: true, withFileTypes: true }))
            if (entry.isFile()) said += readFileSync(join(entry.parentPath, entry.name), "latin1");
        }
      } catch (error) {
        said = inspect(error, { depth: 9 });
      }
      if (leaks(said).length > 0) found.push(name);
    }
    await new Promise(resolve => setImmediate(resolve));
    if (leaks(warnings.join("")).length > 0) found.push("warnings");
    expect(found).toEqual([]);
    // A file with references alone can be built.
    expect(built).toEqual(["whole", "host", "echo_reference", "unread", "url_reference", "url_part", "url_path"]);
  } finally {
    process.off("warning", warned);
    for (const name of Object.keys(ENVIRONMENT)) delete process.env[name];
  }
}, 120_000);

test("a literal password is refused with the replacement", async () => {
  const said = async (store: string): Promise<string> =>
    printDiagnostics((await compile(program("written", store))).diagnostics);
  expect(await said(redis("127.0.0.1:1,password=secret"))).toMatch(
    /the `password` of `connection_string` in `feature_store\.yaml` of `features` is written out[\s\S]*password=\$\{REDIS_PASSWORD\}/,
  );
  expect(await said(remote("https://u:secret@h:1"))).toMatch(
    /the user and password of `path`[\s\S]*\$\{FEAST_PASSWORD\}/,
  );
});

test("a server that cannot reach its stores says no secret", async () => {
  const repository = join(folder, "served");
  const compiled = await compile(program("base", sqlite));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]?.message);
  build(compiled, join(folder, "base", "repository"));
  const model = join(folder, "base", "repository", "base");
  for (const [name, store] of Object.entries(stores())) {
    const at = join(repository, name);
    cpSync(model, at, { recursive: true });
    // As written without `merlon build`.
    rmSync(join(at, "manifest.json"), { force: true });
    const config = readFileSync(join(at, "config.pbtxt"), "utf8");
    writeFileSync(
      join(at, "config.pbtxt"),
      config.replace('name: "base"', `name: "${name}"`).replace(/parameters \{[\s\S]*/, ""),
    );
    writeFileSync(join(at, "1", "features", "features", "feature_store.yaml"), yaml(store));
  }
  const [http, metrics] = [await freePort(), await freePort()];
  const flags = [
    `--http-port=${http}`,
    `--metrics-port=${metrics}`,
    "--allow-grpc=false",
    "--log-verbose=1",
    `--http-restricted-api=logging:key=${CANARY}`,
  ];
  const child: ChildProcess = spawn(
    process.execPath,
    [MERLON, "serve", `--workers=${WORKERS}`, "--model-repository", repository, "--exit-on-error=false", ...flags],
    { env: { ...process.env, ...ENVIRONMENT }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let said = "";
  child.stdout!.on("data", (data: Buffer) => {
    said += data;
  });
  child.stderr!.on("data", (data: Buffer) => {
    said += data;
  });
  try {
    const get = async (path: string, init?: RequestInit, port = http): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}${path}`, init)).text();
    // Its models are broken, so that it is never ready.
    await untilWritten(child, () => said, /Started Metrics Service at/);
    const index = await get("/v2/repository/index", { method: "POST", body: "{}" });
    const states = JSON.parse(index) as readonly { name: string; state: string; reason: string }[];
    expect(states.map(({ name }) => name)).toEqual(Object.keys(stores()).sort());
    expect(states.filter(({ state }) => state !== "UNAVAILABLE")).toEqual([]);
    const texts = [
      index,
      await get("/metrics", {}, metrics),
      await get("/v2/models/stats"),
      await get("/v2/logging"),
      said,
    ];
    const lines = texts.flatMap(text => text.split(/\n|(?<=\}),/)).filter(line => leaks(line).length > 0);
    expect(lines).toEqual([]);
    // And still says which store it is.
    expect(index).toContain("the online store at 127.0.0.1:1 (redis) can not be reached: connect ECONNREFUSED");
    expect(index).toContain("the feature server at ${CANARY_URL} can not be reached");
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}, 120_000);

test("a wrong restriction is reported without the header's value", () => {
  for (const side of ["http-restricted-api", "grpc-restricted-protocol"])
    for (const text of [`inference:${CANARY}`, `nothing:key=${CANARY}`, `health,health:key=${CANARY}`, `=${CANARY}`])
      try {
        serveOptions(["--model-repository=x", `--${side}=${text}`]);
        expect.unreachable();
      } catch (error) {
        expect(leaks(inspect(error, { depth: 9 }))).toEqual([]);
      }
});
