/**
 * Puts the versions of a polled model in the place of those that serve: they are loaded first, and only then the old ones end.
 */

import { RuntimeFault, STATUS } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import type { ModelVersion } from "../../base/model-version.js";
import { BACKEND_NAMES, hasBackend, UnknownBackend } from "../backends/index.js";
import type { ServerLog } from "../observe/server-log.js";
import { logBackendStart, logModelEnd } from "./backend-lines.js";
import type { LoadOptions } from "./load-options.js";
import { loadVersion } from "./load-version.js";
import type { ModelIds } from "./model-ids.js";
import { type ModelStates, UNLOADED, type Version, type Versions } from "./model-states.js";
import type { PolledModel } from "./polled-model.js";
import type { FailedVersion, ReadyVersion } from "./ready-version.js";
import type { SwapGroup } from "./swap-group.js";
import { STAND_IN_PARAMETER } from "./uploaded-code.js";
import { NoGpu, VersionFault } from "./validate.js";

export interface ReplaceContext {
  readonly options: LoadOptions & { readonly retries?: number; readonly log: ServerLog };
  readonly models: ModelStates;
  /** Names of back ends that were asked to load something. */
  readonly backends: Set<string>;
  /** Versions that a back end failed to load, by model and version. */
  readonly failed: Map<string, FailedVersion>;
  readonly ids: ModelIds;
  /** Hears of a version that serves, and whose files are not what was written. */
  onDamage(key: string, version: ReadyVersion, reason: string): void;
}

/** A fault of the model and not of one version. */
export class WholeModelFault extends RuntimeFault {}

/**
 * @param updated versions of which only the instances changed, if anything: they and their statistics go on
 * @param group models that take their places together: this one waits for the others
 * @returns the faults of versions, as the load call answers them; empty when all is well
 * @throws WholeModelFault
 */
export async function replaceVersions(
  { options, models, backends, failed, ids, onDamage }: ReplaceContext,
  key: string,
  polled: PolledModel,
  updated: ReadonlySet<ModelVersion>,
  group?: SwapGroup,
): Promise<string> {
  const { log } = options;
  const { name, namespace } = ids.of(key);
  const before = models.get(key) ?? new Map<ModelVersion, Version>();
  const serving = [...before.values()].some(version => version.state === "READY");
  const faults: string[] = [];
  const next: Versions = new Map(polled.versions.map(({ version }) => [version, { state: "LOADING", reason: "" }]));
  if (!serving) models.set(key, next);
  const { backend } = polled.config;
  const isFirst = hasBackend(backend) && polled.versions.length > 0 && !backends.has(backend);
  if (hasBackend(backend)) backends.add(backend);
  await Promise.all(
    polled.versions.map(async (folder, i) => {
      const { version } = folder;
      const old = updated.has(version) ? before.get(version)?.ready : undefined;
      log.info("model_lifecycle", `loading: ${key}:${version}`);
      if (isFirst && i === 0) logBackendStart(log, backend);
      try {
        next.set(version, { state: "READY", reason: "", ready: await retried(polled, folder, old) });
      } catch (error) {
        const fault = RuntimeFault.from(error, (error as Error).message);
        if (polled.config.platform === "ensemble" && !(error instanceof VersionFault)) {
          if (before.size > 0) models.set(key, before);
          else models.delete(key);
          throw new WholeModelFault(fault.code, fault.message, { cause: error });
        }
        const reason = `${STATUS[fault.code].label}: ${fault.message}`;
        if (!old) log.error("model_lifecycle", `failed to load '${key}' version ${version}: ${reason}`);
        if (error instanceof UnknownBackend && !hasBackend(polled.config.backend))
          log.info("model_lifecycle", backendHint(polled.config.backend));
        if (error instanceof NoGpu && error.hint) log.hint("model_lifecycle", `no GPU for '${key}': ${error.hint}.`);
        faults.push(`version ${version} is at ${old ? "READY" : "UNAVAILABLE"} state: ${reason};\n`);
        next.set(version, { state: "UNAVAILABLE", reason });
        if (hasBackend(polled.config.backend))
          failed.set(`${key}:${version}`, { model: name, namespace, version, config: polled.config });
      }
    }),
  );
  if (faults.length === 0) {
    // Versions that are gone stay in the index as unloaded.
    for (const [version, { ready, reason }] of before)
      if (!next.has(version)) next.set(version, { state: "UNAVAILABLE", reason: ready ? UNLOADED : reason });
    const put = (): void => {
      models.set(key, next);
      log.info("model_lifecycle", `successfully loaded '${key}'`);
      inBackground(closeVersions(log, key, before, updated), `unloading the old versions of ${key}`);
      for (const { ready } of next.values()) if (ready) verifyLater(ready, reason => onDamage(key, ready, reason));
    };
    if (group && serving)
      group.wait(key, next, {
        put,
        leave: () => inBackground(closeVersions(log, key, next), `unloading versions of ${key}`),
      });
    else put();
    return "";
  }
  log.info("model_lifecycle", `failed to load '${key}'`);
  // A reload that fails leaves what was serving in its place; a first load that fails takes its good versions down.
  const good = new Map([...next].filter(([, version]) => version.ready));
  if (serving) {
    for (const [version, { reason }] of next) {
      const old = before.get(version);
      if (reason && (updated.has(version) || old?.state !== "READY"))
        before.set(version, { ...(old ?? { state: "UNAVAILABLE" }), reason });
    }
  } else {
    for (const version of good.keys()) next.set(version, { state: "UNAVAILABLE", reason: UNLOADED });
    models.set(key, next);
  }
  await closeVersions(log, key, good);
  return faults.join("");

  async function retried(
    model: PolledModel,
    folder: PolledModel["versions"][number],
    old: ReadyVersion | undefined,
  ): Promise<ReadyVersion> {
    for (let left = options.retries ?? 0; ; left--)
      try {
        return await loadVersion(model, folder, options, { updated: old, namespace, ahead: group?.ahead });
      } catch (error) {
        if (left <= 0) throw error;
      }
  }
}

/** The large files, when the start is over. */
function verifyLater({ files }: ReadyVersion, onDamage: (reason: string) => void): void {
  if (files?.hasLarge) setTimeout(() => void files.later().then(fault => fault && onDamage(fault)), LATER_MS).unref();
}
const LATER_MS = 100;

/** What Triton's text can't say: how such a model can be served here. */
const backendHint = (backend: string): string =>
  `hint: this server has no back end '${backend}' (it has ${BACKEND_NAMES.join(", ")}); \`merlon serve --mock-missing\` answers for such models from their configuration, and a \`model.mjs\` in the version folder answers for one whose config.pbtxt has the parameter \`${STAND_IN_PARAMETER}\``;

/** Ends versions when their requests have. @param updated of these another object goes on with what was loaded: the log says nothing */
export async function closeVersions(
  log: ServerLog,
  key: string,
  versions: ReadonlyMap<ModelVersion, Version>,
  updated?: ReadonlySet<ModelVersion>,
): Promise<void> {
  for (const [number, { ready }] of versions) {
    if (!ready) continue;
    await ready.refcount.drained();
    await ready.scheduler.drain();
    await ready.loaded.close?.();
    if (updated?.has(number)) continue;
    logModelEnd(log, ready.config);
    log.info("model_lifecycle", `successfully unloaded '${key}' version ${number}`);
  }
}
