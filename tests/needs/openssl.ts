/** OpenSSL's program, which makes the certificates of tests. */
import { execFileSync } from "node:child_process";

/** Runs it in `folder`. @throws Error with its words if it fails */
export const openssl = (folder: string, ...words: readonly string[]): void =>
  void execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
