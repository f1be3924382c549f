/** Servers whose repository is in S3: with one process and with two workers, models follow CURRENT. */
import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { until } from "../../../run/wait.js";
import { call, javascriptModel, ones, type Served, serveWorkers } from "../workers/served.js";
import { type S3Server, startS3, type TestBucket } from "./s3-server.js";

let s3: S3Server;
let bucket: TestBucket;
beforeAll(async () => {
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, "test");
  s3 = await startS3();
  vi.stubEnv("AWS_ENDPOINT_URL", s3.endpoint);
  bucket = await s3.bucket();
}, 120_000);
afterAll(() => {
  vi.unstubAllEnvs();
  s3?.stop();
});

/** A model of two files, which answers with the builds of both. */
async function upload(prefix: string, build: number): Promise<void> {
  const code = `import { build } from "./data.mjs";
export const execute = requests => requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [2], data: [${build}, build] }] }));`;
  const files = { ...javascriptModel("model", code), "model/1/data.mjs": `export const build = ${build};` };
  for (const [path, text] of Object.entries(files)) await bucket.put(`${prefix}/build-${build}/${path}`, text);
}

/** The build of a response. @throws Error for one that mixes two */
async function buildOf({ http }: Served): Promise<number> {
  const { text, json } = await call(http, "POST", "/v2/models/model/infer", ones([0]));
  const [code, data] = json?.outputs?.[0]?.data ?? [];
  if (code === undefined || code !== data) throw new Error(`not of one build: ${text}`);
  return code;
}

async function serve(
  prefix: string,
  workers: number,
  flags: readonly string[],
  onStart?: (child: ChildProcess) => void,
): Promise<Served> {
  const served = await serveWorkers(`s3://${bucket.name}/${prefix}`, workers, flags, child => {
    // Also if it never starts.
    onTestFinished(() => void child.kill("SIGKILL"));
    onStart?.(child);
  });
  onTestFinished(async () => void (await served.stop()));
  return served;
}

test.each([1, 2])(
  "with %i process(es), poll mode follows CURRENT; a folder without it is not read",
  async workers => {
    const prefix = `polled-${workers}`;
    await upload(prefix, 1);
    await bucket.put(`${prefix}/CURRENT`, "build-1");
    const served = await serve(prefix, workers, ["--model-control-mode", "poll", "--repository-poll-secs", "1"]);
    expect(await buildOf(served)).toBe(1);
    await upload(prefix, 2);
    expect(await buildOf(served)).toBe(1);
    await bucket.put(`${prefix}/CURRENT`, "build-2");
    const seen = new Set<unknown>();
    await until("every worker has the second build", async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => buildOf(served)));
      for (const one of all) seen.add(one);
      return all.every(one => one === 2);
    });
    expect([1, 2]).toEqual(expect.arrayContaining([...seen]));
    // If the repository is missing, the models stay, and the log has the reason.
    await bucket.put(`${prefix}/CURRENT`, "nowhere");
    await until("the log says so", () =>
      served.log().includes(`s3://${bucket.name}/${prefix}/nowhere/ has no objects`),
    );
    expect(await buildOf(served)).toBe(2);
  },
  300_000,
);

test.each([1, 2])(
  "with %i process(es), a load by name reads the bucket as it is",
  async workers => {
    const prefix = `explicit-${workers}`;
    await upload(prefix, 1);
    await bucket.put(`${prefix}/CURRENT`, "build-1");
    const served = await serve(prefix, workers, ["--model-control-mode", "explicit", "--load-model", "model"]);
    await upload(prefix, 3);
    await bucket.put(`${prefix}/CURRENT`, "build-3");
    expect(await buildOf(served)).toBe(1);
    expect((await served.call("POST", "/v2/repository/models/model/load", {})).status).toBe(200);
    for (let i = 0; i < 8; i++) expect(await buildOf(served)).toBe(3);
  },
  300_000,
);

test("a bucket that is away at the start is tried again with --exit-on-error=false, and ends the start without", async () => {
  const prefix = "late";
  const flags = ["--exit-on-error", "false"];
  let tried = false;
  const starting = serve(prefix, 1, flags, child => {
    child.stderr!.on("data", chunk => {
      tried ||= String(chunk).includes("has no objects");
    });
    child.stdout!.on("data", chunk => {
      tried ||= String(chunk).includes("has no objects");
    });
  });
  await until("the first attempt has failed", () => tried);
  await upload(prefix, 1);
  await bucket.put(`${prefix}/CURRENT`, "build-1");
  const served = await starting;
  expect(served.log()).toContain(`s3://${bucket.name}/${prefix}/ has no objects; upload a repository there`);
  expect(await buildOf(served)).toBe(1);
  await expect(serveWorkers(`s3://${bucket.name}/never`, 1)).rejects.toThrow(
    `error: creating server: Unavailable - s3://${bucket.name}/never/ has no objects`,
  );
}, 300_000);

test("two servers of one bucket, under traffic: each response is of one build, none fails, and both arrive at the last", async () => {
  const prefix = "rolling";
  await upload(prefix, 1);
  await bucket.put(`${prefix}/CURRENT`, "build-1");
  const flags = ["--model-control-mode", "poll", "--repository-poll-secs", "1"];
  const both = [await serve(prefix, 1, flags), await serve(prefix, 1, flags)];
  let going = true;
  const seen: number[][] = [[], []];
  const traffic = both.map(async (server, i) => {
    while (going) seen[i]!.push(await buildOf(server));
  });
  for (const build of [2, 3]) {
    await upload(prefix, build);
    await bucket.put(`${prefix}/CURRENT`, `build-${build}`);
    await until(`both have build ${build}`, () => seen.every(builds => builds.at(-1) === build));
  }
  going = false;
  await Promise.all(traffic);
  // No server returns to an earlier build.
  for (const builds of seen) expect(builds).toEqual([...builds].sort((a, b) => a - b));
}, 300_000);
