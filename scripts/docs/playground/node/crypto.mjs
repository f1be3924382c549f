// `node:crypto`: digests, by pure JavaScript, since the browser's are promises.
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { Buffer } from "buffer";

const HASHES = { sha256, md5, sha1 };
export function createHash(name) {
  const hash = HASHES[name].create();
  const self = {
    update(data) {
      hash.update(
        typeof data === "string"
          ? new TextEncoder().encode(data)
          : new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      );
      return self;
    },
    digest: encoding => (encoding ? Buffer.from(hash.digest()).toString(encoding) : Buffer.from(hash.digest())),
  };
  return self;
}
export const randomBytes = count => Buffer.from(crypto.getRandomValues(new Uint8Array(count)));
export const randomUUID = () => crypto.randomUUID();
export default { createHash, randomBytes, randomUUID };
