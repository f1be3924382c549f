/** A server of S3's protocol that sends more than it should: the refresh ends with the reason, in bounded memory, requests and time. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { type Bucket, openBucket } from "#runtime/server/object-store/bucket.js";

beforeAll(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterAll(() => vi.unstubAllEnvs());

const PAGE = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>models</Name>`;
const CONTENTS = `<Contents><Key>repo/m/1/${"x".repeat(200)}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`;

/** A bucket of a server that answers each request by `answer`. */
async function bucketOf(
  answer: (response: ServerResponse, request: number) => void,
  silence = 60_000,
): Promise<Bucket> {
  let requests = 0;
  const server = createServer((_, response) => answer(response, requests++));
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bucket = await openBucket(
    { bucket: "models", prefix: "repo", endpoint },
    { connect: 30_000, silence, attempts: 2, pause: 1 },
  );
  onTestFinished(() => {
    bucket.close();
    server.closeAllConnections();
    server.close();
  });
  return bucket;
}

/** Sends a text until the client leaves. @returns bytes that were handed to the connection */
function endless(response: ServerResponse, status: number, begin: string): () => number {
  const piece = CONTENTS.repeat(200);
  let bytes = 0;
  const more = (): void => {
    while (!response.destroyed && response.write(piece)) bytes += piece.length;
  };
  response.on("drain", more).on("error", () => {});
  response.writeHead(status, { "content-type": "application/xml" }).write(begin);
  more();
  return () => bytes;
}

test.each([
  ["a page of a listing", 200, PAGE],
  ["an error", 400, "<Error><Code>X</Code>"],
])("%s without an end", async (_, status, begin) => {
  const sent: (() => number)[] = [];
  const bucket = await bucketOf(response => void sent.push(endless(response, status, begin)));
  await expect(bucket.list("repo/")).rejects.toThrow(
    /^s3:\/\/models\/repo\/: the server sends more than 8388608 bytes where S3 sends fewer; check AWS_ENDPOINT_URL/,
  );
  // The system's buffers hold a part.
  expect(sent.reduce((sum, bytes) => sum + bytes(), 0)).toBeLessThan(64 << 20);
});

test("an object whose error has no end", async () => {
  const bucket = await bucketOf(response => void endless(response, 403, "<Error>"));
  const read = async (): Promise<void> => {
    for await (const _ of bucket.read({ key: "repo/m/1/x", bytes: 10, etag: "e" }));
  };
  await expect(read()).rejects.toThrow(/^s3:\/\/models\/repo\/m\/1\/x: the server sends more than 8388608 bytes/);
});

test("empty pages that name a next one, each", async () => {
  let pages = 0;
  const bucket = await bucketOf((response, page) => {
    pages = page + 1;
    const next = `<IsTruncated>true</IsTruncated><NextContinuationToken>t${page}</NextContinuationToken>`;
    response.end(`${PAGE}${next}</ListBucketResult>`);
  });
  await expect(bucket.list("repo/")).rejects.toThrow(
    "s3://models/repo/ has more than 300 pages of a listing; name the prefix of a single repository",
  );
  expect(pages).toBe(300);
}, 120_000);

test("a page that trickles", async () => {
  const timers: NodeJS.Timeout[] = [];
  const bucket = await bucketOf(response => {
    response.writeHead(200).write(PAGE);
    timers.push(setInterval(() => response.write(" "), 5));
  }, 20);
  await expect(bucket.list("repo/")).rejects.toThrow("s3://models/repo/: its listing did not end within 0.4 s");
  for (const timer of timers) clearInterval(timer);
});
