/**
 * Compares the files of a version with the manifest that `merlon build` wrote for its model. Small files are checked before the version is
 * loaded, large ones in a thread after it is ready.
 */

import { existsSync, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { leadsOutside } from "../../../contract/files/path-inside.js";
import { WorkerHost } from "../../../contract/workers/worker-host.js";
import { CHECK_SUFFIX } from "../../../formats/feast/store-check.js";
import {
  AGAIN,
  differenceOf,
  type FileSum,
  faultOf,
  MANIFEST_FILE,
  MANIFEST_PARAMETER,
  type Manifest,
  readManifest,
} from "../../../formats/folders/manifest.js";
import { CANDIDATES_SUFFIX } from "../../../formats/tables/candidate-table.js";
import { invalid, type RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { HashCalls } from "./hash-thread.js";
import type { PolledModel } from "./polled-model.js";

/** Files up to this size are hashed before the version is loaded, the smallest first, until they are this much together. */
const SMALL_FILE = 1 << 20;
const SMALL_FILES = 32 << 20;
/** Requests are served in between. */
const STRETCH_MS = 10;

/** The state of a version's files before its load. */
export interface VerifiedFiles {
  /** Whether the manifest is still the one that the files were compared with. */
  isCurrent(): boolean;
  readonly hasLarge: boolean;
  /** Hashes the large files. @returns what is wrong with the first that is not what was written */
  later(): Promise<string | undefined>;
}

/** Manifests of models whose files were compared, by the model's folder. */
const covered = new Map<string, Manifest>();

export interface VerifyOptions {
  /** Files may be missing: the model, or a step of its plan, may be replaced. */
  readonly mayLack: boolean;
  /** Receives what is odd and served all the same. */
  warn(text: string): void;
}

/**
 * An edited `config.pbtxt` is a warning: an operator may change it. Everything else is refused.
 * @returns undefined for a model without a manifest
 * @throws RuntimeFault naming the file that is not what was written
 */
export async function verifyFiles(
  { folder, config, upload }: PolledModel,
  version: ModelVersion,
  { mayLack, warn }: VerifyOptions,
): Promise<VerifiedFiles | undefined> {
  // An uploaded model could have an uploaded manifest.
  if (upload) return undefined;
  const mark = markOf(folder);
  const manifest = read(folder);
  if (!manifest) {
    covered.delete(folder);
    if (MANIFEST_PARAMETER in config.parameters)
      throw damaged(
        `${join(folder, MANIFEST_FILE)} is missing, and the parameter \`${MANIFEST_PARAMETER}\` of config.pbtxt says that it belongs there: \`merlon build\` wrote it`,
      );
    return undefined;
  }
  const own = [...manifest.files].filter(
    ([path]) => path.startsWith(`${version}/`) || path.startsWith("warmup/") || path === CONFIG,
  );
  let left = SMALL_FILES;
  let began = performance.now();
  const large: (readonly [string, FileSum])[] = [];
  for (const [path, sum] of own.toSorted(([, a], [, b]) => a.bytes - b.bytes)) {
    const file = join(folder, path);
    if (mayLack && !existsSync(file)) continue;
    // `merlon build` writes no links: one is not followed to be hashed, either.
    if (path !== CONFIG && leadsOutside(folder, file))
      throw damaged(`${file} leads outside the model's folder by a symbolic link`);
    if (sum.bytes > SMALL_FILE || sum.bytes > left) {
      const size = statSync(file, { throwIfNoEntry: false })?.size;
      if (size !== sum.bytes) throw damaged(`${file} ${faultOf(file, sum) ?? "changed"}`);
      large.push([file, sum]);
      continue;
    }
    left -= sum.bytes;
    const fault = faultOf(file, sum);
    if (fault && path === CONFIG) warn(`${file} ${fault}. It is served as it is.`);
    else if (fault) throw damaged(`${file} ${fault}`);
    if (performance.now() - began < STRETCH_MS) continue;
    await turn();
    began = performance.now();
  }
  for (const path of manifest.inPlace.filter(path => path.startsWith(`${version}/`)))
    if (!path.endsWith(CANDIDATES_SUFFIX) && !existsSync(join(folder, `${path}${CHECK_SUFFIX}`)))
      warn(
        `${join(folder, path)} has no \`${CHECK_SUFFIX}\` file: damage to it is not found. \`merlon build\` writes one.`,
      );
  covered.set(folder, manifest);
  return {
    isCurrent: () => markOf(folder) === mark,
    hasLarge: large.length > 0,
    later: async () => {
      for (const [file, sum] of large) {
        const fault = await largeFault(file, sum);
        if (fault) return `${file} ${fault}. ${AGAIN.build}`;
      }
      return undefined;
    },
  };
}

const CONFIG = "config.pbtxt";

/** Whether `merlon build` wrote a file of a model that is loaded: its manifest lists it, and small files were compared. */
export const isCovered = (file: string): boolean => sumOf(file) !== undefined;

/** The same, and the file's bytes are those that were written: a large one is hashed first. */
export async function isTrusted(file: string): Promise<boolean> {
  const sum = sumOf(file);
  if (!sum) return false;
  return sum.bytes <= SMALL_FILE ? faultOf(file, sum) === undefined : (await largeFault(file, sum)) === undefined;
}

function sumOf(file: string): FileSum | undefined {
  for (const [folder, { files }] of covered) {
    if (!file.startsWith(folder + sep)) continue;
    const sum = files.get(relative(folder, file).split(sep).join("/"));
    if (sum) return sum;
  }
  return undefined;
}

async function largeFault(file: string, { sha256 }: FileSum): Promise<string | undefined> {
  try {
    return differenceOf(await hashInThread(file), sha256);
  } catch (error) {
    return `cannot be read (${(error as Error).message})`;
  }
}

function read(folder: string): Manifest | undefined {
  try {
    return readManifest(folder);
  } catch (error) {
    throw invalid((error as Error).message, { cause: error });
  }
}

const damaged = (text: string): RuntimeFault => invalid(`${text}. ${AGAIN.build}`);

function markOf(folder: string): string {
  const stat = statSync(join(folder, MANIFEST_FILE), { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeNs}` : "";
}

/** Checksums by the state of the file. */
const known = new Map<string, Promise<string>>();
const MOST_KNOWN = 10_000;

/**
 * SHA-256 of large files in a thread, one after the other, so that neither a start nor requests wait for it. A file that has not changed since is
 * not read again.
 * @returns hexadecimal @throws Error where the file cannot be read
 */
async function hashInThread(file: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  const state = `${file} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  const found = known.get(state);
  if (found) return found;
  if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value!);
  const hashed = hash(file);
  known.set(state, hashed);
  hashed.catch(() => known.delete(state));
  return hashed;
}

let host: WorkerHost<HashCalls> | undefined;

/** The thread ends when nothing is left: hashing is done once after a load. */
async function hash(file: string): Promise<string> {
  host ??= new WorkerHost<HashCalls>({
    title: "the thread that hashes files",
    module: new URL("./hash-thread.js", import.meta.url),
    keepsProcess: "never",
  });
  const used = host;
  try {
    return await used.call("hash", file);
  } finally {
    if (host === used && used.pending === 0) {
      host = undefined;
      inBackground(used.end(), "ending the thread that hashes files");
    }
  }
}
