/** The request id of a row: the client's, or its hash if that is shorter. */
import { createHash } from "node:crypto";

/** Characters of a request id that are stored; a longer one is stored as its hash. */
const MOST_ID = 512;
const HASH = "sha256:";

export const storedId = (id: string): string =>
  id.length <= MOST_ID ? id : `${HASH}${createHash("sha256").update(id).digest("hex")}`;

export const storedIdLength = (id: string): number => (id.length <= MOST_ID ? id.length : HASH.length + 64);
