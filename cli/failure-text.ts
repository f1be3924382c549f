/**
 * An error that ends a command → the message that is printed. A full disk (an error of Node's, DuckDB's or FAISS's) and a package whose
 * native part is missing have messages with a fix.
 */
import { packageFault } from "../runtime/base/missing-package.js";

const NO_ROOM = /\b(ENOSPC|EDQUOT|EFBIG)\b|No space left on device|Disk quota exceeded|File too large/;

export function failureText(error: unknown): string {
  const message = packageFault(error) ?? (error as Error).message;
  return NO_ROOM.test(message)
    ? `${message.replace(/\.$/, "")}. There is no space to write: free some, or write to another folder with \`--out\`, or TMPDIR for temporary files.`
    : message;
}
