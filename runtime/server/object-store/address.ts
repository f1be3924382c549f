/**
 * `s3://bucket/prefix` → bucket, prefix and endpoint. As in Triton, a host with a port may precede the bucket: `s3://host:9000/bucket/prefix`, or
 * `s3://http://host:9000/bucket/prefix`.
 */
import { invalid } from "../../base/errors.js";

export interface BucketAddress {
  readonly bucket: string;
  /** Without slashes at its ends; `""` for the whole bucket. */
  readonly prefix: string;
  /** undefined for AWS, or the one in the environment (`AWS_ENDPOINT_URL`). */
  readonly endpoint: string | undefined;
}

const SCHEME = "s3://";

export const isBucketAddress = (text: string): boolean => text.startsWith(SCHEME);

const ADDRESS = /^s3:\/\/(?:(https?:\/\/)?([A-Za-z0-9.-]+:\d{1,5})\/)?([^/]*)(?:\/(.*))?$/s;
/** S3's rule for the names of buckets. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const LONGEST_PREFIX = 512;

/** @throws RuntimeFault for an address without a bucket, or with parts that no key has */
export function parseBucketAddress(text: string): BucketAddress {
  const [, scheme = "https://", host, bucket = "", path = ""] = ADDRESS.exec(text) ?? [];
  const prefix = path.replace(/\/$/, "");
  const isPlain = prefix === "" || prefix.split("/").every(part => !["", ".", ".."].includes(part));
  if (!BUCKET.test(bucket) || !isPlain || /[\p{Cc}\\]/u.test(prefix) || prefix.length > LONGEST_PREFIX)
    throw invalid(
      `--model-repository ${JSON.stringify(text)} is not an address in S3: write s3://BUCKET/PREFIX, or s3://HOST:PORT/BUCKET/PREFIX for a server that is not AWS`,
    );
  return { bucket, prefix, endpoint: host === undefined ? undefined : `${scheme}${host}` };
}
