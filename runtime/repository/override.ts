/**
 * What a load request brings along: a configuration as JSON, and files that stand in for the model's folder.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { complete, messageType } from "../../triton-protos/proto-root.js";
import { RuntimeFault } from "../errors.js";
import type { PolledModel } from "./poll-model.js";

export interface Override {
  readonly config?: string;
  /** Contents by path below the model's folder. */
  readonly files: ReadonlyMap<string, Buffer>;
}

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

/** The JSON of a configuration, read strictly. @throws RuntimeFault */
export function readConfigOverride(text: string): ModelConfig {
  const type = messageType("inference.ModelConfig");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return refuse(`Invalid config override: ${(error as Error).message}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    return refuse("Invalid config override: the configuration must be a JSON object");
  const value = strict(type, json as Record<string, unknown>, "");
  const fault = type.verify(value);
  if (fault) return refuse(`Invalid config override: ${fault}`);
  return complete(type, type.fromObject(value)) as ModelConfig;
}

type MessageType = ReturnType<typeof messageType>;

/** Refuses unknown fields, takes camel-case names, enums in any case and numbers written as text, as protobuf's JSON reader does. */
function strict(type: MessageType, json: Record<string, unknown>, path: string): Record<string, unknown> {
  const fields = type.fieldsArray;
  return Object.fromEntries(
    Object.entries(json)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => {
        const snake = key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
        const field = fields.find(({ name }) => name === key || name === snake)?.resolve();
        if (!field) return refuse(`Invalid config override: no such field: '${path}${key}'`);
        const inner = `${path}${field.name}.`;
        const one = (item: unknown): unknown => {
          const resolved = field.resolvedType;
          if (resolved && "values" in resolved) {
            if (typeof item !== "string") return item;
            const found = Object.keys(resolved.values).find(name => name.toLowerCase() === item.toLowerCase());
            if (found === undefined)
              return refuse(`Invalid config override: '${item}' is not a value of ${path}${field.name}`);
            return resolved.values[found];
          }
          if (resolved) {
            if (typeof item !== "object" || item === null || Array.isArray(item))
              return refuse(`Invalid config override: ${path}${field.name} must be an object`);
            return strict(resolved as MessageType, item as Record<string, unknown>, inner);
          }
          if (/int/.test(field.type)) {
            const number = typeof item === "string" ? Number(item) : item;
            if (typeof number !== "number" || !Number.isInteger(number) || item === "")
              return refuse(`Invalid config override: ${path}${field.name} must be an integer`);
            return number;
          }
          return item;
        };
        if (field.map)
          return [field.name, Object.fromEntries(Object.entries(value as object).map(([k, item]) => [k, one(item)]))];
        if (!field.repeated) return [field.name, one(value)];
        if (!Array.isArray(value)) return refuse(`Invalid config override: ${path}${field.name} must be a list`);
        return [field.name, value.map(one)];
      }),
  );
}

/** Writes the files of an override into a folder of their own, which stands in for the model's. @throws RuntimeFault */
export async function materialise(model: string, files: ReadonlyMap<string, Buffer>): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), "merlon-override-")), model);
  try {
    await writeFiles(model, folder, files);
    return folder;
  } catch (error) {
    await rm(dirname(folder), { recursive: true, force: true });
    throw error;
  }
}

async function writeFiles(model: string, folder: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  await mkdir(folder);
  for (const [path, content] of files) {
    // Triton puts the path behind the folder, also one that begins with a slash.
    const clean = normalize(`./${path}`);
    if (!path || path.endsWith("/") || clean.startsWith(".."))
      refuse(`file override '${path}' of model '${model}' must name a file inside the model's folder`);
    await mkdir(dirname(join(folder, clean)), { recursive: true });
    await writeFile(join(folder, clean), content);
  }
}

/** Removes the folder that `materialise` made for a model, if it did. */
export async function discardFiles({ temporary, folder }: Pick<PolledModel, "temporary" | "folder">): Promise<void> {
  if (temporary) await rm(dirname(folder), { recursive: true, force: true });
}
