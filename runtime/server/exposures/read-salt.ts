/** The key of hashes of personal columns. */
import { readFileSync } from "node:fs";

const LEAST_SALT = 16;

/** @throws Error that names the file */
export function readSalt(file: string): Uint8Array {
  let salt: Buffer;
  try {
    salt = readFileSync(file);
  } catch (error) {
    throw new Error(`--exposures-salt-file: '${file}' cannot be read: ${(error as Error).message}`);
  }
  const text = salt.at(-1) === 10 ? salt.subarray(0, salt.at(-2) === 13 ? -2 : -1) : salt;
  if (text.length < LEAST_SALT)
    throw new Error(
      `--exposures-salt-file: '${file}' has ${text.length} bytes, and a key that cannot be guessed has at least ${LEAST_SALT}: make one by \`openssl rand -hex 32 > ${file}\``,
    );
  return text;
}
