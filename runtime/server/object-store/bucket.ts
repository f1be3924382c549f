/**
 * A bucket, by the client of AWS: listing and reading, with deadlines, retries, and errors that name the object and the way out.
 * Credentials, region and endpoint are those of the environment, as for AWS' own tools.
 */

import { pipeline, Readable, Transform } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { S3Client } from "@aws-sdk/client-s3";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import type { BucketAddress } from "./address.js";
import { type ListedObject, MOST_OBJECTS, shown } from "./listed.js";

export interface Bucket {
  /** For messages: `s3://bucket`. */
  readonly name: string;
  /** @throws RuntimeFault */
  list(prefix: string): Promise<readonly ListedObject[]>;
  /** The bytes of an object, piece by piece. Fewer than `bytes`, or more, are an error. @throws RuntimeFault */
  read(object: ListedObject): AsyncGenerator<Uint8Array>;
  /** A small object; undefined if it does not exist. @throws RuntimeFault, also for one larger than `most` */
  readSmall(key: string, most: number): Promise<Uint8Array | undefined>;
  close(): void;
}

export interface Patience {
  /** Milliseconds to connect. */
  readonly connect: number;
  /** Milliseconds without a byte. */
  readonly silence: number;
  /** Attempts at a call, and at the rest of an object. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; twice as long each time. */
  readonly pause: number;
}
/** Bytes within the time of silence, so that a trickle does not hold a refresh. */
const LEAST_BYTES = 2 ** 14;
/** Bytes of a response that is not an object: a page of a thousand long keys has fewer. */
const MOST_BYTES = 2 ** 23;
/** Pages of a listing; a full one has a thousand objects, and any may be empty. */
const MOST_PAGES = 300;
/** A listing ends within this many times of silence. */
const LISTING_TIMES = 20;
/** Bytes that earn new attempts. */
const PROGRESS_BYTES = 2 ** 20;
const PATIENCE: Patience = { connect: 5000, silence: 30_000, attempts: 4, pause: 200 };

/** @throws RuntimeFault if the package is not installed */
export async function openBucket(address: BucketAddress, patience: Patience = PATIENCE): Promise<Bucket> {
  const sdk = await import("@aws-sdk/client-s3").catch(error => {
    throw RuntimeFault.from(error, "the package @aws-sdk/client-s3 cannot be loaded");
  });
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const endpoint = address.endpoint ?? AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL;
  const client = new sdk.S3Client({
    maxAttempts: patience.attempts,
    region: AWS_REGION ?? AWS_DEFAULT_REGION ?? "us-east-1",
    followRegionRedirects: true,
    // Servers beside AWS have no host name for each bucket.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    // The checksums are the manifests'; a part of an object has no other.
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: patience.connect,
      requestTimeout: patience.silence,
      throwOnRequestTimeout: true,
    },
  });
  boundResponses(client);
  return bucketOf({ sdk, client, bucket: address.bucket, patience });
}

/** The client holds the whole text of each response that is not an object, and that of each error. */
function boundResponses(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async given => {
        const result = await next(given);
        const response = result.response as { statusCode: number; body: unknown };
        const isObject = commandName === "GetObjectCommand" && response.statusCode < 300;
        if (!isObject && response.body instanceof Readable) response.body = bounded(response.body);
        return result;
      },
    { step: "deserialize", priority: "low", name: "boundResponses" },
  );
}

function bounded(body: Readable): Readable {
  let bytes = 0;
  const count = new Transform({
    transform(piece: Uint8Array, _, then) {
      bytes += piece.length;
      then(bytes > MOST_BYTES ? Object.assign(new Error(), { name: "TooLarge" }) : null, piece);
    },
  });
  // The reader gets the error.
  pipeline(body, count, () => {});
  return count;
}

interface Opened {
  readonly sdk: typeof import("@aws-sdk/client-s3");
  readonly client: S3Client;
  readonly bucket: string;
  readonly patience: Patience;
}

async function list({ sdk, client, bucket, patience }: Opened, prefix: string): Promise<readonly ListedObject[]> {
  const found: ListedObject[] = [];
  let token: string | undefined;
  const tooMany = (what: string): RuntimeFault =>
    new RuntimeFault(
      "RESOURCE_EXHAUSTED",
      `s3://${bucket}/${prefix} has more than ${what}; name the prefix of a single repository`,
    );
  const limit = LISTING_TIMES * patience.silence;
  const abortSignal = AbortSignal.timeout(limit);
  let pages = 0;
  do {
    if (pages++ === MOST_PAGES) throw tooMany(`${MOST_PAGES} pages of a listing`);
    const page = await client
      .send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          ...(token !== undefined && { ContinuationToken: token }),
        }),
        { abortSignal },
      )
      .catch(error => {
        if (!abortSignal.aborted) throw bucketFault(error, `s3://${bucket}/${prefix}`);
        throw unavailable(`s3://${bucket}/${prefix}: its listing did not end within ${limit / 1000} s`);
      });
    for (const { Key = "", Size = -1, ETag = "" } of page.Contents ?? [])
      found.push({ key: Key, bytes: Size, etag: ETag });
    if (found.length > MOST_OBJECTS) throw tooMany(`${MOST_OBJECTS} objects`);
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
  return found;
}

/** One attempt, from a position on. */
async function* part(
  { sdk, client, bucket, patience }: Opened,
  { key, bytes, etag }: ListedObject,
  from: number,
): AsyncGenerator<Uint8Array> {
  const ending = new AbortController();
  const range = from > 0 ? { Range: `bytes=${from}-${bytes - 1}` } : {};
  const timer = setTimeout(() => ending.abort(new Error(`no byte for ${patience.silence} ms`)), patience.silence);
  try {
    const { Body } = await client.send(
      new sdk.GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: etag, ...range }),
      {
        abortSignal: ending.signal,
      },
    );
    const stream = Body as unknown as NodeJS.ReadableStream & { destroy(error: Error): void };
    ending.signal.addEventListener("abort", () => stream.destroy(ending.signal.reason as Error));
    let since = 0;
    for await (const piece of stream) {
      since += piece.length;
      if (since >= LEAST_BYTES) {
        timer.refresh();
        since = 0;
      }
      yield piece as unknown as Uint8Array;
    }
  } catch (error) {
    // The client has an error of its own for a call that is aborted.
    throw ending.signal.aborted ? ending.signal.reason : error;
  } finally {
    clearTimeout(timer);
    ending.abort(new Error("the reader has ended"));
  }
}

function bucketOf(opened: Opened): Bucket {
  const { bucket, patience } = opened;
  const name = `s3://${bucket}`;

  async function* read(object: ListedObject): AsyncGenerator<Uint8Array> {
    let got = 0;
    for (let attempt = 1; got < object.bytes; attempt++) {
      const before = got;
      let fault: unknown = new Error(`it ended after ${got} of ${object.bytes} bytes`);
      try {
        for await (const piece of part(opened, object, got)) {
          got += piece.length;
          if (got > object.bytes) break;
          yield piece;
        }
      } catch (error) {
        fault = error;
      }
      if (got === object.bytes) return;
      if (got > object.bytes)
        throw unavailable(
          `${name}/${object.key} has more than the ${object.bytes} bytes of its listing; it is being replaced`,
        );
      if (got - before >= PROGRESS_BYTES) attempt = 1;
      if (attempt >= patience.attempts || !isPassing(fault)) throw bucketFault(fault, `${name}/${object.key}`);
      await delay(patience.pause * 2 ** (attempt - 1));
    }
  }

  return {
    ...{ name, read },
    list: prefix => list(opened, prefix),
    async readSmall(key, most) {
      const [object] = (await list(opened, key)).filter(one => one.key === key);
      if (!object) return undefined;
      if (object.bytes > most)
        throw invalid(`${name}: ${shown(key)} has ${object.bytes} bytes; at most ${most} are expected`);
      const pieces: Uint8Array[] = [];
      for await (const piece of read(object)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    close: () => opened.client.destroy(),
  };
}

interface SdkError {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Whether another attempt may succeed: the client itself repeats only calls whose response has not begun. */
const isPassing = (error: unknown): boolean => {
  const status = (error as SdkError).$metadata?.httpStatusCode;
  return status === undefined || status >= 500 || status === 429;
};

const WAYS: readonly (readonly [is: (error: SdkError) => boolean, what: string])[] = [
  [
    e => e.name === "TooLarge",
    `the server sends more than ${MOST_BYTES} bytes where S3 sends fewer; check AWS_ENDPOINT_URL`,
  ],
  [e => e.name === "NoSuchBucket", "the bucket does not exist; check its name, and the endpoint in AWS_ENDPOINT_URL"],
  [
    e => e.name === "CredentialsProviderError",
    "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the pod",
  ],
  [
    e => ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"].includes(e.name ?? ""),
    "the credentials are refused; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
  ],
  [
    e => e.$metadata?.httpStatusCode === 403,
    "access is denied; the credentials need s3:ListBucket for the bucket and s3:GetObject for its objects",
  ],
  [
    e => e.$metadata?.httpStatusCode === 412,
    "it was replaced while it was read; upload to a new prefix, and then change CURRENT",
  ],
  [
    e => e.$metadata?.httpStatusCode === 404,
    "it was removed while it was read; upload to a new prefix, and then change CURRENT",
  ],
  [
    e => ["PermanentRedirect", "AuthorizationHeaderMalformed"].includes(e.name ?? ""),
    "the bucket is in another region; set AWS_REGION",
  ],
  [
    e => /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ECONNRESET|ETIMEDOUT/.test(`${e.code} ${e.message}`),
    "the endpoint cannot be reached; check AWS_ENDPOINT_URL, and the network policy of the pod",
  ],
];

/** @param object as `s3://bucket/key` */
function bucketFault(error: unknown, object: string): RuntimeFault {
  if (error instanceof RuntimeFault) return error;
  const one = (error ?? {}) as SdkError;
  const detail = `${one.name ?? "Error"}${one.message ? `: ${one.message.split("\n")[0]!.slice(0, 300)}` : ""}`;
  const way = WAYS.find(([is]) => is(one))?.[1] ?? "the server failed, and the attempts are used up; see its log";
  return unavailable(`${object}: ${way} (${detail})`, { cause: error });
}
