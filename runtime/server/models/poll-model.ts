/**
 * Reads a model's folder: name → normalized configuration, version folders, and the models it depends on.
 */
import { basename, join } from "node:path";
import { isModelName, type ModelName } from "../../../contract/files/model-name.js";
import { joinInside, pathInside } from "../../../contract/files/path-inside.js";
import { exactJson } from "../../../triton-protos/json-message/exact-json.js";
import { type ModelConfig, parseModelConfig } from "../../../triton-protos/model-config.js";
import { PbtxtError } from "../../../triton-protos/pbtxt.js";
import { internal, invalid, RuntimeFault } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import { loadBackend } from "../backends/index.js";
import { checkLimits } from "./check-limits.js";
import type { Disk } from "./disk.js";
import type { Gpus } from "./gpus.js";
import { chooseVersions, fingerprint, scanRepositories, scanVersions, versionMarks } from "./layout.js";
import { normaliseConfig } from "./normalise.js";
import { hideFolder, markOf, materialise, type Override, readConfigOverride, type Upload } from "./override.js";
import type { PolledModel } from "./polled-model.js";
import { codeRule, refuseCodeFiles } from "./uploaded-code.js";
import { validateModel, validateTensors } from "./validate.js";

const CONFIG = "config.pbtxt";

export interface PollOptions {
  readonly repositories: readonly string[];
  readonly disk: Disk;
  readonly autoComplete?: boolean;
  readonly gpus?: Gpus;
  /** Name of a configuration in `configs/` that precedes `config.pbtxt`. */
  readonly configName?: string;
  readonly warn?: (text: string) => void;
  /** Receives problems that are not thrown. */
  readonly complain?: (text: string) => void;
  /** Load requests may bring code, and choose it. */
  readonly allowCodeUpload?: boolean | undefined;
  /** The backend of a model that names none; a model without a version folder has version 1 then. */
  readonly assume?: string | undefined;
}

/** A model that no repository has. */
export class UnknownModel extends RuntimeFault {}
/** A model that several repositories have. */
export class AmbiguousModel extends RuntimeFault {}

/** Whether two polls of a model differ in instances and choice of versions alone, but for files. */
function changedOnlyInstances(before: PolledModel, after: PolledModel): boolean {
  const rest = ({ instance_group: _, version_policy: __, ...config }: ModelConfig): string => exactJson(config);
  return rest(before.config) === rest(after.config);
}

/** The versions that can go on serving: their files are as they were, and so is the configuration but for instances and choice of versions. */
export function unchangedVersions(before: PolledModel, after: PolledModel): ReadonlySet<ModelVersion> {
  if (!changedOnlyInstances(before, after)) return new Set();
  const isAsBefore = (version: ModelVersion): boolean => before.files.get(version) === after.files.get(version);
  return new Set(after.versions.flatMap(({ version }) => (isAsBefore(version) ? [version] : [])));
}

/** True if files of a request equal what serves already: same versions, same configuration. Triton compares no more. */
export const isSameButForFiles = (before: PolledModel, after: PolledModel): boolean =>
  before.versions.map(({ version }) => version).join() === after.versions.map(({ version }) => version).join() &&
  changedOnlyInstances(before, after);

/** @throws Error: why the model cannot be polled */
export async function pollModel(name: ModelName, options: PollOptions, override?: Override): Promise<PolledModel> {
  if (!override?.files.size) return readModel(name, await findFolder(name, options), options, override);
  if (override.config === undefined) throw invalid("Load parameter 'config' must be specified for model file override");
  if (!options.allowCodeUpload) refuseCodeFiles(name, override.files);
  const upload = await materialise(name, override.files);
  try {
    return await readModel(name, upload.folder, options, override, upload);
  } catch (error) {
    await upload.discard();
    throw hideFolder(error as Error, upload);
  }
}

/**
 * The name that a path is built of.
 * @throws RuntimeFault, with Triton's text for `.`; a name that no folder can have is one that no repository has
 */
export function requireModelName(text: string): ModelName {
  if (isModelName(text)) return text;
  // A repository itself is a folder, too, and not a model.
  if (text === ".") throw invalid("unexpected platform type '' for .");
  throw unknownModel(text);
}

const unknownModel = (name: string): UnknownModel =>
  new UnknownModel("NOT_FOUND", `failed to poll model '${name}': model not found in any model repository.`);

async function readModel(
  name: ModelName,
  folder: string,
  options: PollOptions,
  override: Override | undefined,
  upload?: Upload,
): Promise<PolledModel> {
  const { disk, autoComplete = true } = options;
  // Triton's complaint about its own bookkeeping.
  if (override?.config !== undefined && !override.kept && !(await hasConfig(folder, options)))
    options.complain?.("Failed to set config modification time: model_config_content_name_ is empty");
  // Before anything is read: what changes meanwhile is a change to the next look.
  const print = await fingerprint(folder, disk);
  const found = await scanVersions(folder, disk, options.warn);
  const firstFiles = found[0] === undefined ? [] : (await disk.list(found[0].folder)).map(({ name: file }) => file);
  const written =
    override?.config === undefined ? await readConfig(folder, options) : readConfigOverride(override.config);
  if (written) checkLimits(written, name);
  const { assume } = options;
  const named = written?.version_policy?.specific?.versions ?? [1];
  const available =
    found.length === 0 && assume ? named.map(version => ({ version, folder: join(folder, String(version)) })) : found;
  const config = normaliseConfig(written ?? parseModelConfig("", ""), name, firstFiles, {
    gpus: options.gpus,
    assume,
  });
  validateModel(config);
  // Otherwise tensors may still be filled in, and are looked at when a version is loaded.
  if (!autoComplete) validateTensors(config);
  if (config.name !== basename(folder))
    throw invalid(
      `unexpected directory name '${basename(folder)}' for model '${config.name}', directory name must equal model name`,
    );
  const given = override?.config !== undefined;
  const onDisk = upload
    ? undefined
    : given
      ? await readConfig(folder, options)
          .then(disk => normaliseConfig(disk ?? parseModelConfig("", ""), name, firstFiles, { assume }))
          .catch(() => undefined)
      : config;
  const versions = chooseVersions(available, config.version_policy);
  const content = print.whole;
  const files = versionMarks(print, available, CONFIG);
  return {
    config,
    folder,
    configured: written !== undefined,
    versions,
    dependencies: await readDependencies(config, versions),
    upload,
    code: given && !options.allowCodeUpload ? codeRule(config, onDisk) : "all",
    onDisk,
    files,
    content,
    mark: upload && override ? await markOf(override) : `${override?.config ?? ""}\n${content}`,
  };
}

async function findFolder(name: ModelName, { repositories, disk, complain }: PollOptions): Promise<string> {
  const folders = (await scanRepositories(repositories, disk)).get(name)?.folders ?? [];
  const [folder] = folders;
  for (const path of folder ? [] : repositories.map(root => join(root, name))) {
    if (!(await disk.stat(path).catch(() => undefined))?.isFile()) continue;
    complain?.(`Failed to determine modification time for '${path}': Model directory path is not a directory`);
    throw internal(`failed to open directory ${path}`);
  }
  if (!folder) throw unknownModel(name);
  if (folders.length > 1)
    throw new AmbiguousModel(
      "INVALID_ARGUMENT",
      `failed to poll model '${name}': not unique across all model repositories`,
    );
  return folder;
}

const hasConfig = async (folder: string, { configName, disk }: PollOptions): Promise<boolean> => {
  const paths = [...(configName ? [customConfig(folder, configName)] : []), join(folder, CONFIG)];
  const found = await Promise.all(paths.map(path => disk.stat(path).catch(() => undefined)));
  return found.some(Boolean);
};

/** @throws Error for a name that leads out of the folder */
const customConfig = (folder: string, name: string): string => joinInside(folder, pathInside(`configs/${name}.pbtxt`));

/** Nothing for a missing config.pbtxt: everything is then found out from the files. */
async function readConfig(folder: string, options: PollOptions): Promise<ModelConfig | undefined> {
  const named = options.configName ? customConfig(folder, options.configName) : "";
  const custom = named ? await readWhole(named, options.disk) : undefined;
  if (custom !== undefined) return readPbtxt(custom, named);
  const path = join(folder, CONFIG);
  const text = await readWhole(path, options.disk);
  if (text !== undefined) return readPbtxt(text, path);
  if (options.autoComplete ?? true) return undefined;
  throw internal(`failed to open text file for read ${path}: No such file or directory`);
}

/** libprotobuf's complaint is a log line of its own, and the fault has only the file's name. */
function readPbtxt(text: Uint8Array, path: string): ModelConfig {
  try {
    return parseModelConfig(text, path);
  } catch (error) {
    if (!(error instanceof PbtxtError) || error.complaints.length === 0) throw error;
    throw internal(`failed to read text proto from ${path}`, { cause: error });
  }
}

async function readWhole(path: string, disk: Disk): Promise<Uint8Array | undefined> {
  try {
    return await disk.read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw internal(`${path} cannot be read: ${(error as Error).message}`);
  }
}

/** A backend that can't be found, or a plan that can't be read, is the version's fault and reported when it is loaded. */
async function readDependencies(config: ModelConfig, versions: PolledModel["versions"]): Promise<readonly string[]> {
  try {
    const backend = await loadBackend(config);
    // An ensemble's members are in its configuration, with or without a version folder.
    if (config.platform === "ensemble") return (await backend.dependencies?.("", config)) ?? [];
    const lists = await Promise.all(versions.map(({ folder }) => backend.dependencies?.(folder, config) ?? []));
    return [...new Set(lists.flat())];
  } catch {
    return [];
  }
}
