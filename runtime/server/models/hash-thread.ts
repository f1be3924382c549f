/**
 * Run as a thread: path of a file → its SHA-256.
 */
import { serveCalls } from "../../../contract/workers/serve-calls.js";
import { sumOfFile } from "../../../formats/folders/manifest.js";

export interface HashCalls {
  /** @returns hexadecimal */
  hash(file: string): string;
}

serveCalls<HashCalls>({ hash: file => sumOfFile(file).sha256 });
