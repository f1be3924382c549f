/**
 * Puts the versions of a polled model in the place of those that serve: they are loaded first, and only then the old ones end.
 */

import { RuntimeFault, STATUS } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { ModelVersion } from "../../base/model-version.js";
import { BACKEND_NAMES, hasBackend, UnknownBackend } from "../backends/index.js";
import type { ServerLog } from "../observe/server-log.js";
import { followed, outcomeOf } from "./agreement.js";
import type { Generations } from "./generations.js";
import type { VersionFolder } from "./layout.js";
import type { LoadOptions } from "./load-options.js";
import { loadVersion } from "./load-version.js";
import type { ModelIds } from "./model-ids.js";
import { type ModelStates, UNLOADED, type Versions } from "./model-states.js";
import { withoutFolder } from "./override.js";
import type { PolledModel } from "./polled-model.js";
import type { FailedVersion, ReadyVersion } from "./ready-version.js";
import type { SwapGroup } from "./swap-group.js";
import { STAND_IN_PARAMETER } from "./uploaded-code.js";
import { NoGpu, VersionFault } from "./validate.js";
import { LOADING, moved, UNAVAILABLE, type Version } from "./version-state.js";
import { wayOut } from "./way-out.js";

export interface ReplaceContext {
  readonly options: LoadOptions & { readonly retries?: number };
  readonly log: ServerLog;
  readonly states: ModelStates;
  /** Versions that a backend failed to load, by model and version. */
  readonly failed: Map<string, FailedVersion>;
  readonly ids: ModelIds;
  /** Loaded versions, for the other workers of the server. */
  readonly generations: Generations;
  /** Versions that end, or have ended. */
  readonly closing: WeakMap<ReadyVersion, Promise<void>>;
  /** Called for a version that serves, and whose files are not those that were written. */
  onDamage(key: string, version: ReadyVersion, reason: string): void;
}

/** A fault of the model and not of one version. */
export class WholeModelFault extends RuntimeFault {}

/** A model's load on its way from the versions that were there to those that are next. */
interface Replacement {
  readonly key: string;
  readonly polled: PolledModel;
  readonly before: Versions;
  readonly next: Versions;
  /** Versions of which at most the instances changed: they and their statistics go on. */
  readonly updated: ReadonlySet<ModelVersion>;
  /** Whether any version was ready when the load began. */
  readonly serving: boolean;
  readonly group: SwapGroup | undefined;
  /** The reasons of versions that this worker loaded and another one did not. */
  dropped?: ReadonlyMap<ModelVersion, string>;
}

/**
 * @param updated versions of which only the instances changed, if anything: they and their statistics go on
 * @param group models that take their places together: this one waits for the others
 * @returns the faults of versions, as the load call answers them; empty when all is well
 * @throws WholeModelFault
 */
export async function replaceVersions(
  context: ReplaceContext,
  key: string,
  polled: PolledModel,
  updated: ReadonlySet<ModelVersion>,
  group?: SwapGroup,
): Promise<string> {
  const { states, log } = context;
  const before: Versions = states.get(key) ?? new Map();
  const serving = [...before.values()].some(({ state }) => state === "READY");
  const next: Versions = new Map(polled.versions.map(({ version }) => [version, LOADING]));
  const how: Replacement = { key, polled, before, next, updated, serving, group };
  if (!serving) states.set(key, next);
  const faults = await loadEverywhere(context, how);
  if (faults !== "") {
    log.info("model_lifecycle", `failed to load '${key}'`);
    await dropLoaded(context, how);
  } else if (group && serving)
    group.wait(key, next, {
      put: () => takePlaces(context, how),
      leave: () => inBackground(closeVersions(context, key, next), `unloading versions of ${key}`),
    });
  else takePlaces(context, how);
  return faults;
}

/** Loads all versions, here and in the other workers of the server. @returns the faults of one of them @throws WholeModelFault */
async function loadEverywhere(context: ReplaceContext, how: Replacement): Promise<string> {
  const { agreement } = context.options;
  if (!agreement?.isActive) return (await loadVersions(context, how)).join("");
  const tell = (faults: string) => agreement.agree(how.key, outcomeOf(how.polled, how.next, faults, how.updated.size));
  const own = await loadVersions(context, how).catch(async error => {
    await tell(RuntimeFault.from(error).message);
    throw error;
  });
  const failed = await tell(own.join(""));
  if (!failed || own.length > 0) return own.join("");
  how.dropped = followed(how.next, failed);
  return failed.faults;
}

/** Loads all versions beside each other, into `next`. @returns their faults @throws WholeModelFault */
async function loadVersions(context: ReplaceContext, how: Replacement): Promise<readonly string[]> {
  const { log } = context;
  const { key, polled } = how;
  const faults: string[] = [];
  await Promise.all(
    polled.versions.map(async folder => {
      const { version } = folder;
      log.info("model_lifecycle", `loading: ${key}:${version}`);
      try {
        const ready = await loadOne(context, how, folder);
        context.generations.add(ready);
        how.next.set(version, moved(LOADING, "loaded", { ready }));
      } catch (error) {
        faults.push(failOne(context, how, version, error));
      }
    }),
  );
  return faults;
}

/** @throws RuntimeFault of the last attempt */
async function loadOne(
  { options, ids }: ReplaceContext,
  { key, polled, before, updated, group }: Replacement,
  folder: VersionFolder,
): Promise<ReadyVersion> {
  const old = updated.has(folder.version) ? before.get(folder.version)?.ready : undefined;
  const { namespace } = ids.of(key);
  for (let left = options.retries ?? 0; ; left--)
    try {
      return await loadVersion(polled, folder, options, { updated: old, namespace, ahead: group?.ahead });
    } catch (error) {
      if (left <= 0) throw error;
    }
}

/** @returns the version's line in the answer of the load call @throws WholeModelFault */
function failOne(context: ReplaceContext, how: Replacement, version: ModelVersion, error: unknown): string {
  const { log, failed, states, ids } = context;
  const { key, polled, before } = how;
  const { config } = polled;
  const { upload } = polled;
  const fault = RuntimeFault.from(error, (error as Error).message);
  const message = withoutFolder(fault.message, upload);
  if (config.platform === "ensemble" && !(error instanceof VersionFault)) {
    if (before.size > 0) states.set(key, before);
    else states.delete(key);
    throw new WholeModelFault(fault.code, message, { cause: error });
  }
  const goesOn = how.updated.has(version) && before.get(version)?.ready !== undefined;
  const reason = `${STATUS[fault.code].label}: ${message}`;
  if (!goesOn) {
    log.error("model_lifecycle", `failed to load '${key}' version ${version}: ${reason}`);
    const way = wayOut(fault.message, { key, folder: polled.folder });
    if (way) log.hint("model_lifecycle", withoutFolder(way, upload));
  }
  if (error instanceof UnknownBackend && !hasBackend(config.backend))
    log.info("model_lifecycle", backendHint(config.backend));
  if (error instanceof NoGpu && error.hint) log.hint("model_lifecycle", `no GPU for '${key}': ${error.hint}.`);
  how.next.set(version, moved(LOADING, "failed", { reason }));
  if (hasBackend(config.backend))
    failed.set(`${key}:${version}`, { ...ids.of(key), model: ids.of(key).name, version, config });
  return `version ${version} is at ${goesOn ? "READY" : "UNAVAILABLE"} state: ${reason};\n`;
}

/** The new versions serve from here on, and the old ones end when their requests have. */
function takePlaces(context: ReplaceContext, { key, before, next, updated }: Replacement): void {
  const { states, log } = context;
  if (states.stopped) {
    inBackground(closeVersions(context, key, next), `unloading versions of ${key}`);
    return;
  }
  // Removed versions stay in the index as unloaded.
  for (const [version, old] of before)
    if (!next.has(version)) next.set(version, moved(old, "dropped", { reason: UNLOADED }));
  states.set(key, next);
  log.info("model_lifecycle", `successfully loaded '${key}'`);
  inBackground(closeVersions(context, key, before, updated), `unloading the old versions of ${key}`);
  for (const { ready } of next.values()) if (ready) verifyLater(ready, reason => context.onDamage(key, ready, reason));
}

/** A reload that fails leaves what was serving in its place; a first load that fails takes its good versions down. */
async function dropLoaded(
  context: ReplaceContext,
  { key, before, next, updated, serving, dropped }: Replacement,
): Promise<void> {
  const good = new Map([...next].filter(([, version]) => version.ready));
  if (serving)
    for (const [version, { reason: own }] of next) {
      const reason = dropped?.get(version) ?? own;
      const old = before.get(version);
      if (reason && (updated.has(version) || old?.state !== "READY"))
        before.set(version, Object.freeze({ ...(old ?? UNAVAILABLE), reason }));
    }
  else {
    for (const [version, one] of good)
      next.set(version, moved(one, "dropped", { reason: dropped?.get(version) ?? UNLOADED }));
    context.states.set(key, next);
  }
  await closeVersions(context, key, good);
}

/** The large files, when the start is over. */
function verifyLater({ files }: ReadyVersion, onDamage: (reason: string) => void): void {
  if (files?.hasLarge) setTimeout(() => void files.later().then(fault => fault && onDamage(fault)), LATER_MS).unref();
}
const LATER_MS = 100;

/** A hint beside Triton's text: the way to serve such a model here. */
const backendHint = (backend: string): string =>
  `hint: this server has no backend '${backend}' (it has ${BACKEND_NAMES.join(", ")}); \`merlon serve --mock-missing\` answers for such models from their configuration, and a \`model.mjs\` in the version folder answers for one whose config.pbtxt has the parameter \`${STAND_IN_PARAMETER}\``;

type Closing = Pick<ReplaceContext, "closing" | "log" | "generations" | "options">;

/**
 * Ends versions, each once, when their requests have ended. @param updated of these another object keeps the instances: the log has no line
 */
export async function closeVersions(
  context: Closing,
  key: string,
  versions: ReadonlyMap<ModelVersion, Version>,
  updated?: ReadonlySet<ModelVersion>,
): Promise<void> {
  // Released before the first is closed: workers that close them in another order do not wait for each other.
  for (const { ready } of versions.values())
    if (ready?.generation !== undefined)
      inBackground(
        ready.refcount.drained().then(() => context.generations.release(ready)),
        `ending the requests of ${key}`,
      );
  for (const { ready } of versions.values())
    if (ready) await closeOnce(context, key, ready, !updated?.has(ready.version));
}

function closeOnce(
  { closing, log, generations, options }: Closing,
  key: string,
  ready: ReadyVersion,
  isLogged: boolean,
): Promise<void> {
  const close = async (): Promise<void> => {
    await ready.refcount.drained();
    generations.release(ready);
    // Requests that began in other workers may still be forwarded to it, unless the same files were loaded again.
    if (generations.find(ready.generation ?? "") === ready) await options.othersRelease?.(ready.generation!);
    generations.delete(ready);
    await ready.scheduler.drain();
    await ready.loaded.close?.();
    if (isLogged) log.info("model_lifecycle", `successfully unloaded '${key}' version ${ready.version}`);
  };
  const running = closing.get(ready) ?? close();
  closing.set(ready, running);
  return running;
}
