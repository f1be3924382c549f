/**
 * The content of a load request: a configuration as JSON, and files that replace those of the model's folder.
 */
import { webcrypto } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ModelName } from "../../../contract/files/model-name.js";
import { joinInside, type PathInside, parsePathInside } from "../../../contract/files/path-inside.js";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { complete } from "../../../triton-protos/complete-message.js";
import { MAX_CONFIG_BYTES } from "../../../triton-protos/config-limits.js";
import { readJsonMessage } from "../../../triton-protos/json-message/read-json-message.js";
import { shapeOf } from "../../../triton-protos/message-shape.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { internal, RuntimeFault, refuse } from "../../base/errors.js";

export interface Override {
  readonly config?: string;
  /** Contents by path below the model's folder, as the client wrote it. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** It was kept from an earlier request. */
  readonly kept?: boolean;
  /** Loads the files although versions with this configuration serve: a worker gets the models of the others. */
  readonly isExact?: boolean;
}

/** The mark of a model with this configuration, and these files if there are any. Without files, it is the beginning of the mark. */
export async function markOf({ config = "", files }: Override): Promise<string> {
  return `${config}\n${files.size > 0 ? await contentOf(files) : ""}`;
}

/** Equal for equal paths and contents. */
async function contentOf(files: Override["files"]): Promise<string> {
  const sums = [...files].map(async ([path, content]) => [path, await sha256(content)]);
  return `upload ${await sha256(Buffer.from(JSON.stringify((await Promise.all(sums)).sort())))}`;
}

/** Runs in another thread, since uploads may be large. */
const sha256 = async (bytes: Buffer): Promise<string> =>
  Buffer.from(await webcrypto.subtle.digest("SHA-256", bytes as Buffer<ArrayBuffer>)).toString("hex");

/** The JSON of a configuration. @throws RuntimeFault with libprotobuf's words */
export function readConfigOverride(text: string): ModelConfig {
  if (text.length > MAX_CONFIG_BYTES)
    refuse(`the config override has ${text.length} characters; the maximum is ${MAX_CONFIG_BYTES}`);
  try {
    return complete("inference.ModelConfig", readJsonMessage(shapeOf("inference.ModelConfig"), text));
  } catch (error) {
    return refuse(`Invalid config override: ${(error as Error).message}`);
  }
}

/** A model folder with the files of a request. */
export interface Upload {
  readonly folder: string;
  /** Removes the folder; a second call does nothing. */
  discard(): Promise<void>;
}

/** A text without the path of the folder that a request's files are in. The path is of no use to a reader, and differs in each worker. */
export const withoutFolder = (text: string, upload: Upload | undefined): string =>
  upload ? text.replaceAll(join(dirname(upload.folder), "/"), "") : text;

/** @returns the error, whose text is without that path now */
export function hideFolder(error: Error, upload: Upload | undefined): Error {
  error.message = withoutFolder(error.message, upload);
  return error;
}

/** Files of a request that the server could not write. */
export class NotWritten extends RuntimeFault {
  /** @param answer without a path, for the client @param log */
  constructor(
    readonly answer: string,
    log: string,
  ) {
    super("INTERNAL", log);
  }
}

/** Writes the files of an override into a folder of their own. @throws RuntimeFault */
export async function materialise(model: ModelName, files: ReadonlyMap<string, Buffer>): Promise<Upload> {
  let upload: Upload | undefined;
  try {
    const parent = new TemporaryFolder("override");
    upload = { folder: join(parent.path, model), discard: () => parent.dispose() };
    await mkdir(upload.folder);
    for (const [path, content] of files) await writeInside(upload.folder, path, content);
    return upload;
  } catch (error) {
    await upload?.discard();
    throw writeFault(((error as Error).cause ?? error) as NodeJS.ErrnoException) ?? hideFolder(error as Error, upload);
  }
}

const FULL = new Set(["ENOSPC", "EDQUOT"]);
/** `ENOENT` is that of the temporary folder itself: the others are made as they are needed. */
const REFUSED = new Set(["EROFS", "EACCES", "EPERM", "ENOENT", "EMFILE", "ENFILE", "EIO"]);

/** @returns undefined for errors of the request */
function writeFault({ code = "", message }: NodeJS.ErrnoException): NotWritten | undefined {
  const isFull = FULL.has(code);
  if (!isFull && !REFUSED.has(code)) return undefined;
  const [reason] = message.split(",");
  const way = isFull
    ? "free space there, or set TMPDIR to a larger volume"
    : "set TMPDIR to a folder that this user can write to";
  return new NotWritten(
    isFull ? "the temporary folder of the server is full" : "the server cannot write to its temporary folder",
    `the files of the load request cannot be written to the temporary folder '${tmpdir()}' (${reason}); ${way}`,
  );
}

async function writeInside(folder: string, path: string, content: Buffer): Promise<void> {
  const target = joinInside(folder, parseUploadPath(folder, path));
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content);
}

/** @throws RuntimeFault with Triton's texts for a path that leaves the folder or names a folder */
function parseUploadPath(folder: string, path: string): PathInside {
  // Triton puts the path behind the folder, also one that begins with a slash.
  const clean = parsePathInside(`./${path}`);
  if (clean !== undefined && !path.endsWith("/")) return clean;
  const target = path ? join(folder, path) : folder;
  if (clean !== undefined || target === folder)
    throw internal(`failed to open binary file for write ${target}: Is a directory`);
  return refuse(
    `Invalid file parameter 'file:${path}' with normalized path '${target}' must stay within model directory.`,
  );
}
