/**
 * Loads one model: reads its folder, loads its dependencies, replaces the serving versions, and reloads the ensembles that name it.
 */
import { invalid, RuntimeFault } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import { ensembleFault } from "./ensemble-fault.js";
import { linkMembers, membersOf } from "./link-members.js";
import type { ModelSet } from "./model-set.js";
import { stepOfLoad } from "./next-step.js";
import { type Override, withoutFolder } from "./override.js";
import { unchangedVersions } from "./poll-model.js";
import type { PolledModel } from "./polled-model.js";
import type { Round } from "./read-models.js";
import { replaceVersions, WholeModelFault } from "./replace-versions.js";
import type { SwapGroup } from "./swap-group.js";
import { patiently, takeDown } from "./take-down.js";
import { wayOut } from "./way-out.js";

const FILES_IGNORED =
  "the files of the load request are ignored: these versions already serve with this configuration; unload the model, or send another version or configuration";

const CYCLE = /^circular dependency/;
const cycleOf = (first: string, last: string): string =>
  `circular dependency between ensembles: ${first} -> ... -> ${last} -> ${first}`;

export interface Loading {
  /** Requested by a client, and not by a poll or for an ensemble. */
  readonly isRequest?: boolean;
  readonly override?: Override | undefined;
  readonly round: Round;
  /** Models that take their places together, if this one is among them. */
  readonly group?: SwapGroup | undefined;
}

/** Waits for the load of the model that is in progress, if there is one; a request then loads it again. @throws RuntimeFault */
export function load(set: ModelSet, key: string, how: Loading): Promise<void> {
  const running = set.loads.of(key);
  if (!running) return begin(set, key, how);
  // A request is about files as they are now, which a load that has begun may not have seen.
  if (!how.isRequest) return running;
  const anew = { ...how, round: new Map() };
  const next = (): Promise<void> =>
    how.override ? load(set, key, anew) : (set.loads.of(key) ?? begin(set, key, anew));
  return running.catch(() => {}).then(next);
}

const begin = (set: ModelSet, key: string, how: Loading): Promise<void> =>
  set.loads.run(
    key,
    () => loadOnce(set, key, how),
    () => checkAgain(set, key, new Map()),
  );

async function loadOnce(set: ModelSet, key: string, { override: given, round, group }: Loading): Promise<void> {
  const { known, reader, states, log } = set;
  const before = known.of(key).polled;
  const override = given ?? (await keptOverride(set, key, before));
  let polled = await reader.read(key, override, round);
  try {
    const step = stepOfLoad(
      states.isReady(key) ? before : undefined,
      polled,
      Boolean(given?.files.size) && !given?.isExact,
    );
    if (step === "ignore-files") log.warning("model_lifecycle", `${key}: ${FILES_IGNORED}`);
    if (step !== "load") return await polled.upload?.discard();
    const isEnsemble = polled.config.platform === "ensemble";
    if (isEnsemble) known.change(key, { polled });
    polled = await loadDependencies(set, key, polled, round);
    if (isEnsemble && known.of(key).polled) known.change(key, { polled });
    await replace(set, key, polled, before, group);
  } catch (error) {
    if (known.of(key).polled !== polled) await polled.upload?.discard();
    throw error;
  }
  known.change(key, { override, polled });
  if (before && before !== polled) await before.upload?.discard();
  await follow(set, key, round);
}

/** A configuration from a request outlives a plain reload until something in the model's folder changes; files from a request do not. */
async function keptOverride(
  { known, reader }: ModelSet,
  key: string,
  before: PolledModel | undefined,
): Promise<Override | undefined> {
  const kept = known.of(key).override;
  if (!kept || kept.files.size > 0 || !before) return undefined;
  return before.content === (await reader.contentOf(before.folder)) ? { ...kept, kept: true } : undefined;
}

/**
 * Members first; an ensemble without its members fails as a whole, other models report it when they load.
 * @returns the model with the repositories of its members filled in
 * @throws RuntimeFault
 */
async function loadDependencies(set: ModelSet, key: string, polled: PolledModel, round: Round): Promise<PolledModel> {
  const { loads, log } = set;
  const isEnsemble = polled.config.platform === "ensemble";
  const failCycle = (text: string): Promise<never> =>
    failWhole(set, key, isEnsemble ? text : text.replace("ensembles", "models"));
  const missing: string[] = [];
  loads.setChecked(key, false);
  for (const dependency of polled.dependencies) {
    const found = await findDependency(set, key, dependency, isEnsemble);
    if (found.step === "missing") missing.push(dependency);
    if (found.step === "cycle") return failCycle(found.text);
    if (found.step !== "load") continue;
    const { member } = found;
    const hasWaited = await loads
      .dependency(key, member, () => load(set, member, { round }))
      .catch(error => {
        if (RuntimeFault.from(error).code === "INTERNAL") missing.push(dependency);
        if (!isEnsemble)
          log.error("model_repository_manager", `model '${key}' needs '${dependency}': ${(error as Error).message}`);
        return true;
      });
    if (!hasWaited) return failCycle(cycleOf(member, key));
  }
  return isEnsemble ? linked(set, key, polled, missing) : polled;
}

type Dependency =
  | { readonly step: "missing" | "use" }
  | { readonly step: "load"; readonly member: string }
  | { readonly step: "cycle"; readonly text: string };

/** @param isEnsemble whether it cannot do without: other models load where a model that they name is not in the repositories */
async function findDependency(
  { ids, loads, states, known, options, reader }: ModelSet,
  key: string,
  dependency: string,
  isEnsemble: boolean,
): Promise<Dependency> {
  const member = ids.near(dependency, ids.of(key).namespace);
  if (member === undefined) return { step: "missing" };
  if (member === key || loads.isCycle(key, member)) return { step: "cycle", text: cycleOf(member, key) };
  if (states.isReady(member)) {
    // A change of this model's configuration may close a circle with those that serve.
    const last = known.leadsTo(member, key);
    return last === undefined ? { step: "use" } : { step: "cycle", text: cycleOf(key, last) };
  }
  const isListed = !isEnsemble || options.control === "explicit" || (await reader.scan()).has(member);
  return isListed ? { step: "load", member } : { step: "missing" };
}

/** @param missing members that could not be read @throws RuntimeFault if the ensemble cannot be served with its members as they are */
function linked(
  set: ModelSet,
  key: string,
  polled: PolledModel,
  missing: readonly string[],
): PolledModel | Promise<never> {
  const { ids, states, known, loads } = set;
  const { namespace } = ids.of(key);
  const failureOf = (member: string): string | undefined => known.of(member).failure;
  const ensemble = linkMembers(polled, member => ids.of(ids.near(member, namespace) ?? member).namespace);
  loads.setChecked(key, true);
  const fault = ensembleFault(key, ensemble.config, missing, member => states.readyOf(member), failureOf);
  if (!fault) return ensemble;
  // A member reported the cycle that it closes; the answer has the member's text, the log has both.
  const closing = CYCLE.test(fault) && membersOf(ensemble).find(member => failureOf(member) === fault);
  return failWhole(set, key, fault, {
    logged: closing ? cycleOf(closing, key) : fault,
    way: missing.length > 0 ? wayToMember(set, key, fault, polled, missing) : undefined,
  });
}

/** The fix for a member that no repository has; one that is there, and failed, has a hint of its own. */
async function wayToMember(
  { reader }: ModelSet,
  key: string,
  fault: string,
  { folder }: PolledModel,
  [member = ""]: readonly string[],
): Promise<string | undefined> {
  const models = [...(await reader.scan()).keys()];
  return models.includes(member) ? undefined : wayOut(fault, { key, folder, models });
}

/** No version appears, and those that served are unloaded. @throws RuntimeFault always */
async function failWhole(
  set: ModelSet,
  key: string,
  text: string,
  { logged = text, way }: { readonly logged?: string; readonly way?: Promise<string | undefined> | undefined } = {},
): Promise<never> {
  set.log.error("model_repository_manager", `Invalid argument: ${logged}`);
  const hint = way && (await way);
  if (hint) set.log.hint("model_repository_manager", hint);
  await patiently(takeDown(set, key, relink));
  return fail(set, key, text);
}

/** @param failure kept for ensembles that depend on the model @param answer of the load call */
function fail({ known }: ModelSet, key: string, failure: string, answer = `${failure}\n`): never {
  known.change(key, { failure });
  throw invalid(`load failed for model '${key}': ${answer}`);
}

/** @param before what serves was read as, if any of it can go on serving @throws RuntimeFault */
async function replace(
  set: ModelSet,
  key: string,
  polled: PolledModel,
  before: PolledModel | undefined,
  group?: SwapGroup,
): Promise<void> {
  const { states, known, empty } = set;
  logMissingVersions(set, key, polled);
  if (polled.versions.length === 0) return failEmpty(set, key, polled);
  const updated = before && states.isReady(key) ? unchangedVersions(before, polled) : new Set<ModelVersion>();
  const faults = await replaceVersions(set, key, polled, updated, group).catch(error =>
    error instanceof WholeModelFault ? failWhole(set, key, error.message) : Promise.reject(error),
  );
  empty.delete(key);
  if (faults) fail(set, key, faults.trimEnd(), faults);
  known.change(key, { failure: undefined });
}

function logMissingVersions({ log }: ModelSet, key: string, { config, versions }: PolledModel): void {
  for (const wanted of config.version_policy?.specific?.versions ?? [])
    if (!versions.some(({ version }) => version === wanted))
      log.error(
        "model_lifecycle",
        `version ${wanted} is specified for model '${key}', but the version directory is not present`,
      );
}

/** @throws RuntimeFault always */
function failEmpty(set: ModelSet, key: string, { folder, upload }: PolledModel): never {
  const { log, states, empty } = set;
  const text = `at least one version must be available under the version policy of model '${key}'`;
  log.error("model_repository_manager", `failed to load model '${key}': ${text}`);
  log.hint("model_repository_manager", withoutFolder(wayOut(text, { key, folder })!, upload));
  if (!states.isReady(key)) {
    empty.add(key);
    if (!states.has(key)) states.set(key, new Map());
  }
  return fail(set, key, text);
}

/** Ensembles follow their members: a reloaded member brings them back, or down when they no longer fit. */
async function follow(set: ModelSet, key: string, round: Round): Promise<void> {
  const { ids, known, loads } = set;
  for (const [ensemble, polled] of known.naming(key)) {
    const member = ids.near(ids.of(key).name, ids.of(ensemble).namespace);
    const hasAnother = member !== key && member !== undefined && membersOf(polled).includes(member);
    if (loads.has(ensemble)) loads.outdate(ensemble);
    else if (!hasAnother) await loads.follower(key, ensemble, () => relink(set, ensemble, round));
  }
}

/** Checks an ensemble and its members again, unless it is being loaded; that load then does. Never rejects: the fault is in the log and in the index. */
export async function relink(set: ModelSet, ensemble: string, round: Round = new Map()): Promise<void> {
  const { loads } = set;
  if (loads.has(ensemble)) loads.outdate(ensemble);
  else
    await loads.run(
      ensemble,
      () => checkAgain(set, ensemble, round),
      () => checkAgain(set, ensemble, new Map()),
    );
}

async function checkAgain(set: ModelSet, ensemble: string, round: Round): Promise<void> {
  const before = set.known.of(ensemble).polled;
  if (!before) return;
  try {
    const polled = await loadDependencies(set, ensemble, before, round);
    set.known.change(ensemble, { polled });
    await replace(set, ensemble, polled, undefined);
    await follow(set, ensemble, round);
  } catch {
    // The fault is in the log and in the index.
  }
}
