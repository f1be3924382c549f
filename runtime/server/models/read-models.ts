/**
 * Polls the repositories: finds their models, reads each, and logs faults.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isModelName } from "../../../contract/files/model-name.js";
import { PbtxtError } from "../../../triton-protos/pbtxt.js";
import { internal, RuntimeFault } from "../../base/errors.js";
import type { ServerLog } from "../observe/server-log.js";
import { AT_ONCE, BESIDE_REQUESTS, type Disk } from "./disk.js";
import { fingerprint, type ModelPlace, scanRepositories } from "./layout.js";
import type { RegistryOptions } from "./load-options.js";
import type { ModelIds } from "./model-ids.js";
import { NotWritten, type Override } from "./override.js";
import { AmbiguousModel, pollModel, requireModelName, UnknownModel } from "./poll-model.js";
import type { PolledModel } from "./polled-model.js";
import { CodeRefused } from "./uploaded-code.js";
import { wayOut } from "./way-out.js";

/** A real Triton's parser of text format writes its complaints by itself. */
function tellComplaints(log: ServerLog, { complaints }: PbtxtError): void {
  for (const { line, column, message } of complaints)
    log.library(
      "libprotobuf",
      "google/protobuf/text_format.cc:337",
      `Error parsing text-format inference.ModelConfig: ${line}:${column}: ${message}`,
    );
}

/** The result of one poll of the repositories: a model is read, and its fault logged, once. */
export type Round = Map<string, Promise<PolledModel>>;

export interface Needed {
  readonly found: readonly (readonly [key: string, polled: PolledModel])[];
  readonly whole: boolean;
}

export interface Reader {
  /** Holds up the event loop for every look at the repositories until the work is done. */
  atOnce<T>(work: () => Promise<T>): Promise<T>;
  /** Models of all repositories by key. */
  scan(): Promise<ReadonlyMap<string, ModelPlace>>;
  /** Keys of the models of a name; a name that no repository has is itself, to be polled in vain. */
  placesOf(name: string): Promise<readonly string[]>;
  /** The present `content` of a model in this folder. */
  contentOf(folder: string): Promise<string>;
  /** @throws RuntimeFault; the cause is in the log */
  read(key: string, override: Override | undefined, round: Round): Promise<PolledModel>;
  /**
   * For repeatable names: the dependencies of the requested models, and theirs, in every repository that has one of the name.
   * @returns `whole` when all of them could be read
   */
  namedBy(asked: readonly string[], override: Override | undefined, round: Round): Promise<Needed>;
}

/** Async, so that a name which is not one is reported as every other fault of a poll. */
const poll = async (name: string, ...rest: OmitFirst<Parameters<typeof pollModel>>): Promise<PolledModel> =>
  pollModel(requireModelName(name), ...rest);
type OmitFirst<T extends readonly unknown[]> = T extends readonly [unknown, ...infer R] ? R : never;

/** Logs why a model cannot be read. @throws RuntimeFault always */
function failPoll({ log, control, repositories }: RegistryOptions, key: string, name: string, error: unknown): never {
  const fault = RuntimeFault.from(error, (error as Error).message);
  const { cause } = fault;
  if (cause instanceof PbtxtError) tellComplaints(log, cause);
  if (error instanceof CodeRefused) {
    log.error("model_repository_manager", fault.message);
    throw error;
  }
  const bare = error instanceof UnknownModel || error instanceof AmbiguousModel;
  const model = !bare && isModelName(name) ? name : undefined;
  const folder = model && repositories.map(root => join(root, model)).find(existsSync);
  // Removed while it was read: the next look finds it removed.
  const isGone = control === "poll" && model !== undefined && folder === undefined;
  if (!isGone)
    log.error(
      "model_repository_manager",
      bare ? fault.message : `Poll failed for model directory '${key}': ${fault.message}`,
    );
  const way = folder && wayOut(fault.message, { key, folder });
  if (way) log.hint("model_repository_manager", way);
  if (cause instanceof PbtxtError && cause.complaints.length > 0) log.hint("model_repository_manager", cause.message);
  if (error instanceof AmbiguousModel && control === "explicit")
    log.error("model_repository_manager", `failed to poll model '${name}': model not found in any model repository.`);
  const answer = error instanceof NotWritten ? `: ${error.answer}` : "";
  throw internal(`failed to load '${name}', failed to poll from model repository${answer}`, { cause: error });
}

/** @param ids updated with the models that are found, and which of them could be read */
export function createReader(options: RegistryOptions, ids: ModelIds): Reader {
  const { log } = options;
  let disk: Disk = BESIDE_REQUESTS;
  const scan = async (): Promise<ReadonlyMap<string, ModelPlace>> => {
    const found = await scanRepositories(options.repositories, disk, ids.repeats);
    for (const { id } of found.values()) ids.note(id);
    return found;
  };
  const placesOf = async (name: string): Promise<readonly string[]> => {
    if (!ids.repeats) return [name];
    const keys = [...(await scan())].flatMap(([key, { id }]) => (id.name === name ? [key] : []));
    return keys.length > 0 ? keys : [name];
  };

  function read(key: string, override: Override | undefined, round: Round): Promise<PolledModel> {
    const known = override ? undefined : round.get(key);
    if (known) return known;
    const { assume } = options.middleware ?? {};
    const { name, namespace } = ids.of(key);
    const reading = poll(
      name,
      {
        ...options,
        disk,
        repositories: namespace ? [namespace] : options.repositories,
        assume,
        warn: text => log.warning("model_lifecycle", text),
        complain: text => log.error("model_repository_manager", text),
      },
      override,
    ).catch(error => failPoll(options, key, name, error));
    const added = reading.then(polled => {
      ids.add(key);
      return polled;
    });
    if (!override) round.set(key, added);
    return added;
  }

  async function namedBy(asked: readonly string[], override: Override | undefined, round: Round): Promise<Needed> {
    const found = new Map<string, PolledModel>();
    const queue = ids.repeats ? [...asked] : [];
    let whole = true;
    for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
      const isAsked = asked.includes(key);
      const polled = await read(key, isAsked ? override : undefined, round).catch(() => undefined);
      // Read for its dependencies alone: the load reads it again.
      if (isAsked) await polled?.upload?.discard();
      if (polled) found.set(key, polled);
      else whole &&= isAsked;
      for (const name of polled?.dependencies ?? [])
        queue.push(...(await placesOf(name)).filter(other => !found.has(other) && !queue.includes(other)));
    }
    return { found: [...found].filter(([key]) => !asked.includes(key)), whole };
  }

  return {
    async atOnce(work) {
      disk = AT_ONCE;
      try {
        return await work();
      } finally {
        disk = BESIDE_REQUESTS;
      }
    },
    scan,
    placesOf,
    contentOf: async folder => (await fingerprint(folder, disk)).whole,
    read,
    namedBy,
  };
}
