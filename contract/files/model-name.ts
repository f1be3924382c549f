/**
 * `ModelName`: a text that names a model and can be a folder of a repository. Only the guards of this file make one, so that code which builds a
 * path of a model cannot be handed a client's text.
 */
import { Buffer } from "node:buffer";

declare const brand: unique symbol;
export type ModelName = string & { readonly [brand]: "ModelName" };

/** Bytes that a file name may have on the file systems in use. */
export const MAX_NAME_BYTES = 255;

/**
 * The reason that a text is not a model name. `empty` is an empty or blank one, `traversal` moves to another folder, `folder` is the
 * repository itself (`.`), `impossible` cannot be a name.
 */
export type NameFault = "empty" | "traversal" | "folder" | "impossible";

/** At both ends: Triton looks at names without them. */
const BLANKS = /^[ \t-\r]+|[ \t-\r]+$/g;

/** Triton's grammar, and the limits of a file name. */
export function nameFault(text: string): NameFault | undefined {
  const trimmed = text.replace(BLANKS, "");
  if (trimmed === "") return "empty";
  if (/[/\\\0]/.test(text) || trimmed === "..") return "traversal";
  if (text === ".") return "folder";
  // A lone surrogate has no UTF-8: the file system would store another name.
  if (text.length > MAX_NAME_BYTES || Buffer.byteLength(text) > MAX_NAME_BYTES || /\p{Cs}/u.test(text))
    return "impossible";
  return undefined;
}

export const isModelName = (text: string): text is ModelName => nameFault(text) === undefined;

/** For names that the program itself was given. @throws Error naming the text */
export function modelName(text: string): ModelName {
  if (isModelName(text)) return text;
  throw new Error(
    `'${text}' is not a model name: it must be the name of a folder, without separators, and not empty, '.' or '..'`,
  );
}
