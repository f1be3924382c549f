/**
 * What a load request brings along: a configuration as JSON, and files that stand in for the model's folder.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { complete } from "../../triton-protos/complete-message.js";
import { MAX_CONFIG_BYTES } from "../../triton-protos/config-limits.js";
import { readJsonMessage } from "../../triton-protos/json-message/read-json-message.js";
import { shapeOf } from "../../triton-protos/message-shape.js";
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { RuntimeFault } from "../errors.js";
import type { PolledModel } from "./poll-model.js";

export interface Override {
  readonly config?: string;
  /** Contents by path below the model's folder. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Of an earlier request. */
  readonly kept?: boolean;
}

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

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

/** Writes the files of an override into a folder of their own, which stands in for the model's. @throws RuntimeFault */
export async function materialise(model: string, files: ReadonlyMap<string, Buffer>): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), "merlon-override-")), model);
  try {
    await writeFiles(folder, files);
    return folder;
  } catch (error) {
    await rm(dirname(folder), { recursive: true, force: true });
    throw error;
  }
}

async function writeFiles(folder: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  await mkdir(folder);
  for (const [path, content] of files) {
    // Triton puts the path behind the folder, also one that begins with a slash.
    const clean = normalize(`./${path}`);
    const target = path ? join(folder, clean) : folder;
    if (clean.startsWith(".."))
      refuse(
        `Invalid file parameter 'file:${path}' with normalized path '${target}' must stay within model directory.`,
      );
    if (!path || path.endsWith("/"))
      throw new RuntimeFault("INTERNAL", `failed to open binary file for write ${target}: Is a directory`);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
}

/** Removes the folder that `materialise` made for a model, if it did. */
export async function discardFiles({ temporary, folder }: Pick<PolledModel, "temporary" | "folder">): Promise<void> {
  if (temporary) await rm(dirname(folder), { recursive: true, force: true });
}
