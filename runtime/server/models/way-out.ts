/**
 * Advice for the log about a model that does not load. Triton's texts, which clients match, say what is wrong and not which file to change.
 * Repositories are written by hand, so the advice covers slips of hands.
 */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import { editDistance } from "../../../contract/edit-distance.js";
import { requireRegular } from "../../../contract/files/read-regular.js";
import { otherModel } from "../../../formats/onnx/other-model.js";

export interface FailedModel {
  readonly key: string;
  /** The model's folder; undefined where it is not known. */
  readonly folder?: string | undefined;
  /** The repository's models, for names that are nearly right. */
  readonly models?: Iterable<string>;
}

type Way = (match: RegExpExecArray, at: Place) => string;

/** Paths and names as a hint shows them. */
interface Place {
  readonly folder: string;
  readonly config: string;
  readonly models: readonly string[];
}

/** Files and folders that a hint lists. */
const MOST = 5;

const WAYS: readonly (readonly [RegExp, Way])[] = [
  [
    /failed to stat file (.+)$/,
    ([, file = ""], at) => {
      const found = namesIn(dirname(file));
      const there = found.length > 0 ? `rename ${found.join(" or ")} there` : "put the model there";
      return `${file} is missing: ${there}, or name its file with \`default_model_filename\` in ${at.config}`;
    },
  ],
  [
    /at least one version must be available/,
    (_, at) => {
      const found = namesIn(at.folder).filter(name => name !== "config.pbtxt");
      const seen = found.length > 0 ? ` (it has ${found.join(", ")})` : "";
      return `${at.folder} has no version folder${seen}: put the model's files into ${join(at.folder, "1")}; names of version folders are numbers`;
    },
  ],
  [
    /model (input|output) '(.+)' must specify 'dims'/,
    ([, side, tensor], at) =>
      `add \`dims: [ 1 ]\` to the ${side} '${tensor}' in ${at.config}, with -1 for a dimension of any size; without the batch's where max_batch_size is above 0`,
  ],
  [
    /tensor '(.+)': the model expects (\d+) dimensions .* specifies (\d+) dimensions \(an initial batch/,
    ([, tensor, model, config], at) =>
      Number(model) < Number(config)
        ? `'${tensor}' has no dimension beside the batch's: write \`dims: [ 1 ] reshape { shape: [ ] }\` in ${at.config}`
        : `\`dims\` of '${tensor}' in ${at.config} are those of the model without the first, which is the batch's`,
  ],
  [
    /unexpected inference (input|output) '(.+)', allowed \w+ are: (.+)$/,
    ([, side, tensor = "", allowed = ""], at) =>
      `rename the ${side} '${tensor}' in ${at.config} to ${nearest(tensor, allowed.split(", ")) ?? `one of ${allowed}`}`,
  ],
  [
    /unexpected directory name '(.+)' for model '(.+)', directory name/,
    ([, directory, name], at) =>
      `write \`name: "${directory}"\` in ${at.config}, or leave the name out, or rename the folder to ${name}`,
  ],
  [
    /ensemble input '(.+)' for ensemble (.+)' is not used/,
    ([, tensor], at) =>
      `map '${tensor}' in a step of ${at.config}, \`input_map { key: "INPUT OF THE MODEL" value: "${tensor}" }\`, or remove it from the ensemble's inputs`,
  ],
  [
    /contains models that are not available or ambiguous: (.+)$/,
    ([, name = ""], at) => {
      const near = nearest(name, at.models);
      return `no model '${name}' can be loaded: ${near ? `the repository has '${near}'; ` : ""}correct \`model_name\` in ${at.config}, or add the model`;
    },
  ],
  [
    /Load model from (.+) failed: ?Protobuf parsing failed/,
    ([, file = ""]) => {
      const { what, way } = otherFormat(file) ?? { what: "not an ONNX model", way: "Export it again." };
      return `${file} is ${what}. ${way}`;
    },
  ],
];

/** Characters of a text that is searched: names may be those of a load request, and the patterns take quadratic time. */
const LONGEST = 4000;

/** @param text why the load failed, as the log has it */
export function wayOut(text: string, { key, folder = key, models = [] }: FailedModel): string | undefined {
  if (text.length > LONGEST) return undefined;
  for (const [pattern, way] of WAYS) {
    const match = pattern.exec(text);
    if (match) return `hint: ${way(match, { folder, config: join(folder, "config.pbtxt"), models: [...models] })}`;
  }
  return undefined;
}

/** A repository without a model, and one that is a model itself. @returns undefined for others */
export function emptyWayOut(roots: readonly string[], isEmpty: boolean): string | undefined {
  for (const root of roots) {
    const found = namesIn(root);
    if (found.includes("config.pbtxt"))
      return `hint: ${root} is a model's folder (it has config.pbtxt): name the folder above it with --model-repository`;
  }
  if (!isEmpty) return undefined;
  const [root = "."] = roots;
  const found = namesIn(root);
  const seen = found.length > 0 ? `it has ${found.join(", ")}, and no folder` : "it is empty";
  return `hint: ${root} has no models: ${seen}. A model is a folder, ${join(root, "NAME", "1", "model.onnx")} beside ${join(root, "NAME", "config.pbtxt")}; \`merlon build FILE --out ${root}\` writes such folders`;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort().slice(0, MOST);
  } catch {
    return [];
  }
}

/** The kind of a file by its first bytes; undefined if it may be an ONNX model or cannot be read. */
function otherFormat(file: string): ReturnType<typeof otherModel> {
  try {
    requireRegular(file);
    const descriptor = openSync(file, "r");
    try {
      const head = Buffer.alloc(64);
      return otherModel(head.subarray(0, readSync(descriptor, head)));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

/** The name that differs by a slip or two. */
function nearest(wrong: string, names: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(wrong.length / 3));
  const [best] = names
    .slice(0, 100)
    .map(name => ({ name, distance: editDistance(wrong.slice(0, 200), name.slice(0, 200)) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}
