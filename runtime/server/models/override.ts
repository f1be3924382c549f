/**
 * The content of a load request: a configuration as JSON, and files that replace those of the model's folder.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ModelName } from "../../../contract/files/model-name.js";
import { joinInside, type PathInside, parsePathInside } from "../../../contract/files/path-inside.js";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import { complete } from "../../../triton-protos/complete-message.js";
import { MAX_CONFIG_BYTES } from "../../../triton-protos/config-limits.js";
import { readJsonMessage } from "../../../triton-protos/json-message/read-json-message.js";
import { shapeOf } from "../../../triton-protos/message-shape.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { internal, refuse } from "../../base/errors.js";

export interface Override {
  readonly config?: string;
  /** Contents by path below the model's folder, as the client wrote it. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Number of the load request among those of a server with several workers. */
  readonly id?: number;
  /** It was kept from an earlier request. */
  readonly kept?: boolean;
}

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

/** Writes the files of an override into a folder of their own. @throws RuntimeFault */
export async function materialise(model: ModelName, files: ReadonlyMap<string, Buffer>): Promise<Upload> {
  const parent = new TemporaryFolder("override");
  const upload: Upload = { folder: join(parent.path, model), discard: () => parent.dispose() };
  try {
    await mkdir(upload.folder);
    for (const [path, content] of files) await writeInside(upload.folder, path, content);
    return upload;
  } catch (error) {
    await upload.discard();
    throw error;
  }
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
