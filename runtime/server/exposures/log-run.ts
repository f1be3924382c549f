/** A run of a served plan → its lists in the exposure log: the one event record that is made at the end of a run. */

import type { Plan } from "../../../contract/plan.js";
import { planId } from "../../../contract/plan-id.js";
import type { PlanLog } from "../../../contract/plan-log.js";
import { artefactHashes } from "../../../formats/folders/artefact-hashes.js";
import { type Clock, systemClock } from "../../base/clock.js";
import type { RuntimeFault } from "../../base/errors.js";
import { reportFault } from "../../base/in-background.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { ShadowComparison } from "../../engine/schedule/kernel.js";
import type { PlanResult } from "../../engine/schedule/plan-result.js";
import type { ExposureLog, ModelLog } from "./exposure-log.js";
import { readLog } from "./log-reader.js";
import { type RecordedRequest, type Run, RunRecorder } from "./run-recorder.js";
import { shadowReaders, shadowRun } from "./shadow-log.js";

/** The request rows of one request in a run. */
export interface LoggedRequest {
  /** Empty: one is made. */
  readonly id: string;
  readonly from: number;
  readonly to: number;
  /** The seed that its draws had, unless the author gave one. */
  readonly seed: bigint;
  /** Whether the request itself gave the seed. */
  readonly isSeeded: boolean;
}

export interface PlanExposures {
  admit(): Promise<void> | undefined;
  /**
   * @param versions of the models that the plan called
   * @returns faults of requests that may not be answered without their log, by `from`
   */
  log(
    result: PlanResult,
    requests: readonly LoggedRequest[],
    versions: Readonly<Record<string, string>>,
  ): ReadonlyMap<number, RuntimeFault>;
  /** Whether comparisons of shadows are logged. */
  readonly hasShadows: boolean;
  /** Logs the lists of a comparison that differ. @param step id of the shadow */
  logShadow(
    step: string,
    comparison: ShadowComparison,
    requests: readonly LoggedRequest[],
    versions: Readonly<Record<string, string>>,
  ): void;
  close(): Promise<void>;
}

export interface PlanOfModel {
  readonly name: string;
  readonly version: ModelVersion;
  /** The version's folder. */
  readonly folder: string;
  readonly plan: Plan & { readonly log: PlanLog };
  /** With its shadows. */
  readonly whole: Plan;
  /** Hexadecimal SHA-256 of `plan.json`. */
  readonly sha256: string;
  readonly clock?: Clock | undefined;
}

const NO_FAULTS: ReadonlyMap<number, RuntimeFault> = new Map();

/** Requests without an id of this process. */
let made = 0;

/** @throws RuntimeFault if the server cannot log the model's columns */
export function openPlanExposures(exposures: ExposureLog, of: PlanOfModel): PlanExposures {
  const { name, version, folder, plan, sha256, clock = systemClock } = of;
  const { reader, described } = readLog(plan, plan.log);
  const log = exposures.open({ model: name, version, plan: planId(sha256), ...described }, reader.lists);
  const own: Recorded = { log, recorder: new RunRecorder(plan, reader, described.rate > 0) };
  const authored = reader.seed === undefined ? undefined : BigInt(reader.seed);
  const artefactsOfRun = artefactTexts(artefactHashes(plan, folder));
  const recordedOf = ({ id, from, to, seed, isSeeded }: LoggedRequest): RecordedRequest => {
    const own = isSeeded || authored === undefined ? seed : authored;
    return { id, made: id === "" ? made++ : 0, from, to, firstRow: 0, seed: own };
  };
  const shadows = openShadowLogs(exposures, of);
  const record = (
    { log, recorder }: Recorded,
    run: Run,
    artefacts: string,
    requests: readonly RecordedRequest[],
    refuse: (request: RecordedRequest, fault: RuntimeFault) => void,
  ): void => {
    const tape = log.tape(artefacts);
    const start = tape.length;
    let isWhole = false;
    try {
      recorder.begin(tape, run, clock.now() * 1000);
      for (const request of requests) {
        const oversize = recorder.oversize(request);
        const fault = oversize && log.oversize(oversize);
        if (!oversize) recorder.add(tape, request);
        else if (fault) refuse(request, fault);
      }
      isWhole = true;
    } finally {
      const rows = recorder.end(tape);
      if (isWhole && rows > 0) log.written(start, rows);
      else tape.cut(start);
    }
  };
  const recordAll = (
    result: PlanResult,
    artefacts: string,
    requests: readonly RecordedRequest[],
  ): ReadonlyMap<number, RuntimeFault> => {
    const faults = new Map<number, RuntimeFault>();
    const { each } = result;
    if (!each) record(own, result, artefacts, requests, ({ from }, fault) => faults.set(from, fault));
    // Rows that ran one by one.
    else
      for (const request of requests)
        for (let row = request.from; row < request.to; row++)
          record(
            own,
            each[row]!,
            artefacts,
            [{ ...request, from: 0, to: 1, firstRow: row - request.from }],
            (_, fault) => faults.set(request.from, fault),
          );
    return faults;
  };
  return {
    admit: log.admit,
    log: (result, requests, versions) => {
      try {
        return recordAll(result, artefactsOfRun(versions), requests.map(recordedOf));
      } catch (error) {
        // The response is made: it must not fail for its log.
        reportFault(error, `logging exposures of '${name}'`);
        return NO_FAULTS;
      }
    },
    hasShadows: shadows.size > 0,
    logShadow: (step, comparison, requests, versions) => {
      const to = shadows.get(step);
      const run = to && shadowRun(step, comparison, requests.at(-1)?.to ?? 0);
      if (!run) return;
      try {
        const artefacts = artefactsOfRun(versions);
        record(to, run, artefacts, requests.map(recordedOf), (_, fault) => {
          throw fault;
        });
      } catch (error) {
        reportFault(error, `logging a shadow of '${name}'`);
      }
    },
    close: async () => {
      await Promise.all([log, ...[...shadows.values()].map(({ log }) => log)].map(one => one.close()));
    },
  };
}

/** A log with the recorder of its runs. */
interface Recorded {
  readonly log: ModelLog;
  readonly recorder: RunRecorder;
}

function openShadowLogs(exposures: ExposureLog, of: PlanOfModel): ReadonlyMap<string, Recorded> {
  const { name, version, plan, whole, sha256 } = of;
  const readers = shadowReaders(whole, name, plan.log.retentionDays);
  return new Map(
    [...readers].map(([step, { reader, described }]) => {
      const log = exposures.open({ ...described, version, plan: planId(sha256) }, reader.lists);
      return [step, { log, recorder: new RunRecorder(plan, reader, true) }];
    }),
  );
}

/** JSON of the hashes and of the models' versions, which rarely change. */
function artefactTexts(
  hashes: Readonly<Record<string, string>>,
): (versions: Readonly<Record<string, string>>) => string {
  let last: Readonly<Record<string, string>> = {};
  let text = JSON.stringify(hashes);
  return versions => {
    if (isOther(versions, last)) {
      last = versions;
      text = JSON.stringify({ ...hashes, ...versions });
    }
    return text;
  };
}

/** Whether a run called other versions of models; each run of a plan notes the same models, or fewer. */
function isOther(versions: Readonly<Record<string, string>>, last: Readonly<Record<string, string>>): boolean {
  let count = 0;
  for (const model in versions) {
    if (versions[model] !== last[model]) return true;
    count++;
  }
  for (const _ in last) count--;
  return count !== 0;
}
