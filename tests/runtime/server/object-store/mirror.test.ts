/** Repositories in S3, on a local server of its protocol: uploads under way, damage, refusals, and a connection that breaks. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { MANIFEST_FILE, printManifest } from "#formats/folders/manifest.js";
import { openBucket } from "#runtime/server/object-store/bucket.js";
import { Mirror } from "#runtime/server/object-store/mirror.js";
import { type S3Server, startS3, type TestBucket } from "./s3-server.js";

let s3: S3Server;
let bucket: TestBucket;
vi.setConfig({ testTimeout: 300_000 });

beforeAll(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  s3 = await startS3();
  bucket = await s3.bucket();
}, 120_000);
afterAll(() => {
  vi.unstubAllEnvs();
  s3?.stop();
});

let prefixes = 0;
const newPrefix = (): string => `repository-${prefixes++}`;

/** A folder of models with manifests. */
function models(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-s3-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  for (const name of readdirSync(folder))
    writeFileSync(join(folder, name, MANIFEST_FILE), printManifest(join(folder, name)));
  return folder;
}

async function mirrorOf(prefix: string, endpoint = s3.endpoint, name = bucket.name, silence = 60_000): Promise<Mirror> {
  const patience = { connect: 30_000, silence, attempts: 3, pause: 10 };
  const mirror = new Mirror(await openBucket({ bucket: name, prefix, endpoint }, patience), prefix);
  onTestFinished(() => mirror.dispose());
  return mirror;
}
const contents = ({ path }: Mirror): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter(one => one.isFile() && one.name !== MANIFEST_FILE)
      .map(one => join(one.parentPath, one.name))
      .map(file => [file.slice(path.length + 1), readFileSync(file, "utf8")]),
  );

const FIRST = { "a/config.pbtxt": "a", "a/1/model": "first", "b/1/model": "b" };

test("an upload is not visible before its manifests, and then as a whole", async () => {
  const prefix = newPrefix();
  const folder = models(FIRST);
  const mirror = await mirrorOf(prefix);
  await expect(mirror.refresh()).rejects.toThrow(`s3://${bucket.name}/${prefix}/ has no objects`);
  for (const path of Object.keys(FIRST)) {
    await bucket.put(`${prefix}/${path}`, readFileSync(join(folder, path)));
    await expect(mirror.refresh()).rejects.toThrow(/is not a complete repository: [ab] has no manifest.json/);
    expect(contents(mirror)).toEqual({});
  }
  await bucket.upload(folder, `${prefix}/`);
  await mirror.refresh();
  expect(contents(mirror)).toEqual(FIRST);
});

test("a new version that is half uploaded leaves the last one; unchanged files stay as they are", async () => {
  const prefix = newPrefix();
  await bucket.upload(models(FIRST), `${prefix}/`);
  const mirror = await mirrorOf(prefix);
  await mirror.refresh();
  const before = statSync(join(mirror.path, "b/1/model"));
  const second = { ...FIRST, "a/1/model": "second", "a/2/model": "two" };
  const folder = models(second);
  await bucket.put(`${prefix}/a/2/model`, "two");
  await expect(mirror.refresh()).rejects.toThrow("a/2/model is uploaded and not in its manifest");
  await bucket.put(`${prefix}/a/${MANIFEST_FILE}`, readFileSync(join(folder, "a", MANIFEST_FILE)));
  await expect(mirror.refresh()).rejects.toThrow("a/1/model has 5 bytes, and its manifest says 6");
  expect(contents(mirror)).toEqual(FIRST);
  await bucket.put(`${prefix}/a/1/model`, "second");
  await mirror.refresh();
  expect(contents(mirror)).toEqual(second);
  const after = statSync(join(mirror.path, "b/1/model"));
  expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
});

test("bytes of the right number that are others are found by their checksum", async () => {
  const prefix = newPrefix();
  await bucket.upload(models(FIRST), `${prefix}/`);
  const mirror = await mirrorOf(prefix);
  await mirror.refresh();
  await bucket.put(`${prefix}/a/1/model`, "FIRST");
  await expect(mirror.refresh()).rejects.toThrow(/a\/1\/model has the checksum sha256:\w+, but `merlon build` wrote/);
  expect(contents(mirror)).toEqual(FIRST);
});

test("a manifest that cannot be read is named as the object", async () => {
  const prefix = newPrefix();
  await bucket.upload(models(FIRST), `${prefix}/`);
  await bucket.put(`${prefix}/a/${MANIFEST_FILE}`, "{");
  await expect((await mirrorOf(prefix)).refresh()).rejects.toThrow(
    new RegExp(`^s3://${bucket.name}/${prefix}/a/manifest.json is not a manifest: it was edited or damaged`),
  );
});

test("files that change under an equal ETag are read again if the manifest has others, config.pbtxt too", async () => {
  const prefix = newPrefix();
  await bucket.upload(models(FIRST), `${prefix}/`);
  const { endpoint, reads } = await proxy(body => body, { etag: "equal" });
  const mirror = await mirrorOf(prefix, endpoint);
  await mirror.refresh();
  const second = { ...FIRST, "a/config.pbtxt": "A", "a/1/model": "FIRST" };
  const folder = models({ ...second, "a/2/model": "so that the manifest has another length" });
  await bucket.upload(folder, `${prefix}/`);
  const before = reads();
  await mirror.refresh();
  expect(contents(mirror)).toEqual({ ...second, "a/2/model": "so that the manifest has another length" });
  // That of b has not changed.
  expect(reads() - before).toBe(1);
});

test("CURRENT switches whole repositories, also of models without manifests, and back", async () => {
  const prefix = newPrefix();
  const mirror = await mirrorOf(prefix);
  await bucket.put(`${prefix}/v1/a/1/model`, "one");
  await bucket.put(`${prefix}/CURRENT`, "v1\n");
  await mirror.refresh();
  expect(contents(mirror)).toEqual({ "a/1/model": "one" });
  await bucket.put(`${prefix}/v2/a/1/model`, "two");
  await mirror.refresh();
  expect(contents(mirror)).toEqual({ "a/1/model": "one" });
  for (const [name, text] of [
    ["v2/", "two"],
    ["v1", "one"],
  ] as const) {
    await bucket.put(`${prefix}/CURRENT`, name);
    await mirror.refresh();
    expect(contents(mirror)).toEqual({ "a/1/model": text });
  }
});

test.each(["../other", "/etc", "", ".", "v1/../..", "v1\0", "a\nb"])(
  "CURRENT that contains %j is refused",
  async text => {
    const prefix = newPrefix();
    await bucket.put(`${prefix}/CURRENT`, text);
    await expect((await mirrorOf(prefix)).refresh()).rejects.toThrow(
      /CURRENT contains .*; write the name of a folder beside it/s,
    );
  },
);

test("a key that leads outside ends the refresh before a byte is read", async () => {
  const prefix = newPrefix();
  await bucket.put(`${prefix}/CURRENT`, "v1");
  await bucket.put(`${prefix}/v1/a/1/model`, "one");
  await bucket.put(`${prefix}/v1/a/../../../escaped`, "x");
  const mirror = await mirrorOf(prefix);
  await expect(mirror.refresh()).rejects.toThrow(
    /the key ".*escaped" is not a path of a repository; remove the object/,
  );
  expect(contents(mirror)).toEqual({});
  await bucket.put(`${prefix}/CURRENT`, "x".repeat(2000));
  await expect(mirror.refresh()).rejects.toThrow("has 2000 bytes; at most 1024 are expected");
});

test("errors name the bucket and the way out", async () => {
  await expect((await mirrorOf("x", s3.endpoint, "no-such-bucket")).refresh()).rejects.toThrow(
    "s3://no-such-bucket/x/CURRENT: the bucket does not exist; check its name",
  );
  await expect((await mirrorOf("x", "http://127.0.0.1:1")).refresh()).rejects.toThrow(
    `s3://${bucket.name}/x/CURRENT: the endpoint cannot be reached; check AWS_ENDPOINT_URL`,
  );
});

/**
 * A proxy that may treat each read of an object in its way.
 * @param treat returns the bytes to send, or undefined to send nothing and wait
 * @param etag of all objects, if it is given
 */
async function proxy(
  treat: (body: Buffer, attempt: number) => Buffer | "fail" | "wait",
  { etag }: { readonly etag?: string } = {},
): Promise<{ readonly endpoint: string; readonly reads: () => number }> {
  let reads = 0;
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    if (etag) delete headers["if-match"];
    const to = request(`${s3.endpoint}${url}`, { method, headers }, from => {
      const pieces: Buffer[] = [];
      from.on("data", piece => pieces.push(piece));
      from.on("end", () => {
        const whole = Buffer.concat(pieces);
        const isListing = url!.includes("list-type");
        const body = etag && isListing ? Buffer.from(`${whole}`.replace(/<ETag>[^<]*/g, `<ETag>${etag}`)) : whole;
        const isRead = url!.includes("/1/model");
        const treated = isRead ? treat(body, reads++) : body;
        if (treated === "fail") {
          answer.writeHead(503).end();
          return;
        }
        if (body !== whole) from.headers["content-length"] = String(body.length);
        answer.writeHead(from.statusCode!, from.headers);
        if (treated === "wait") return void answer.flushHeaders();
        if (treated.length === body.length) return void answer.end(treated);
        answer.write(treated, () => setTimeout(() => answer.destroy(), 20));
      });
    });
    to.end();
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, reads: () => reads };
}

const LONG = "0123456789".repeat(10_000);

test("a body that breaks off is continued where it ended", async () => {
  const prefix = newPrefix();
  await bucket.upload(models({ "a/1/model": LONG }), `${prefix}/`);
  const sizes: number[] = [];
  const { endpoint } = await proxy((body, attempt) => {
    sizes.push(body.length);
    return attempt < 2 ? body.subarray(0, 30_000) : body;
  });
  const mirror = await mirrorOf(prefix, endpoint);
  await mirror.refresh();
  expect(contents(mirror)).toEqual({ "a/1/model": LONG });
  expect(sizes).toEqual([100_000, 70_000, 40_000]);
});

test("attempts have an end, for failures and for silence, and the last repository stays", async () => {
  const prefix = newPrefix();
  await bucket.upload(models(FIRST), `${prefix}/`);
  let way: "fail" | "wait" | undefined;
  const { endpoint, reads } = await proxy(body => way ?? body);
  const mirror = await mirrorOf(prefix, endpoint, bucket.name, 4000);
  await mirror.refresh();
  const good = reads();
  await bucket.upload(models({ "a/1/model": "other", "b/1/model": "b" }), `${prefix}/`);
  await bucket.remove(`${prefix}/a/config.pbtxt`);
  way = "fail";
  await expect(mirror.refresh()).rejects.toThrow(/a\/1\/model: the server failed, and the attempts are used up/);
  way = "wait";
  await expect(mirror.refresh()).rejects.toThrow(/s3:\/\/.*\/a\/1\/model: .*4000 ms/);
  // Three attempts of ours, and three of the client for each that got no response.
  expect(reads() - good).toBeLessThanOrEqual(12);
  expect(contents(mirror)).toEqual(FIRST);
  way = undefined;
  await mirror.refresh();
  expect(contents(mirror)).toEqual({ "a/1/model": "other", "b/1/model": "b" });
}, 300_000);
