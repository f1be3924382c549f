/** A run of a served plan → its lists in the exposure log: the one event record that is made at the end of a run. */

import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { artefactsOf } from "../../../contract/any-step.js";
import type { Plan } from "../../../contract/plan.js";
import type { PlanLog } from "../../../contract/plan-log.js";
import { readManifest } from "../../../formats/folders/manifest.js";
import { type Clock, systemClock } from "../../base/clock.js";
import { reportFault } from "../../base/in-background.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { PlanResult } from "../../engine/schedule/plan-result.js";
import type { ExposureLog, ModelLog } from "./exposure-log.js";
import { type LogReader, readLog } from "./log-reader.js";
import { RunLists } from "./run-lists.js";

/** Characters of a request id that are stored; a longer one is stored as its hash. */
const MOST_ID = 512;
/** Bytes that a value repeated in each row of a list may take together. */
const MOST_REPEATED = 64 * 2 ** 20;
/** Bytes of a row apart from kept columns. */
const ROW_BYTES = 48;

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
  /** @param versions of the models that the plan called */
  log(result: PlanResult, requests: readonly LoggedRequest[], versions: Readonly<Record<string, string>>): void;
  close(): Promise<void>;
}

export interface PlanOfModel {
  readonly name: string;
  readonly version: ModelVersion;
  /** The version's folder. */
  readonly folder: string;
  readonly plan: Plan & { readonly log: PlanLog };
  /** Hexadecimal SHA-256 of `plan.json`. */
  readonly sha256: string;
  readonly clock?: Clock | undefined;
}

/** @throws RuntimeFault if the server cannot log the model's columns */
export function openPlanExposures(exposures: ExposureLog, of: PlanOfModel): PlanExposures {
  const { name, version, folder, plan, sha256, clock = systemClock } = of;
  const { reader, described } = readLog(plan, plan.log);
  const log = exposures.open({ model: name, version, plan: sha256.slice(0, 16), ...described });
  const hashes = artefactHashes(plan, folder);
  let last: { readonly versions: string; readonly text: string } | undefined;
  const textOf = (versions: Readonly<Record<string, string>>): string => {
    const key = JSON.stringify(versions);
    if (last?.versions !== key) last = { versions: key, text: JSON.stringify({ ...hashes, ...versions }) };
    return last.text;
  };
  return {
    admit: log.admit,
    log: (result, requests, versions) => {
      try {
        const artefacts = textOf(versions);
        append({ log, reader, rate: described.rate, artefacts, time: clock.now() * 1000 }, result, requests);
      } catch (error) {
        // The response is made: it must not fail for its log.
        log.discard();
        reportFault(error, `logging exposures of '${name}'`);
      }
    },
    close: log.close,
  };
}

interface Appending {
  readonly log: ModelLog;
  readonly reader: LogReader;
  readonly rate: number;
  readonly artefacts: string;
  readonly time: number;
}

function append(
  { log, reader, rate, artefacts, time }: Appending,
  result: PlanResult,
  requests: readonly LoggedRequest[],
): void {
  const { each } = result;
  const whole = each ? undefined : new RunLists(reader, result);
  const builder = log.builder(artefacts);
  for (const { id, from, to, seed, isSeeded } of requests) {
    const requestId = idOf(id);
    const own = reader.seed !== undefined && !isSeeded ? BigInt(reader.seed) : seed;
    for (let row = from; row < to; row++) {
      const lists = whole ?? new RunLists(reader, each![row]!);
      const at = whole ? row : 0;
      const rows = lists.candidates(at, rate);
      const perList = lists.repeatedBytes(at);
      const repeated = rows * Math.max(requestId.length, perList);
      const isTooLarge = repeated > MOST_REPEATED;
      if (!log.takes(rows, isTooLarge ? Number.POSITIVE_INFINITY : rows * ROW_BYTES + perList)) continue;
      const [key0, key1] = log.nextKeys();
      lists.append(builder, at, { requestId, requestRow: row - from, time, seed: own }, { rate, key0, key1 });
    }
  }
  log.appended();
}

let made = 0;
const prefix = crypto.randomUUID();

/** A request without an id gets a unique one; an id that is too long to be repeated in each row becomes its hash. */
const idOf = (id: string): string => {
  if (id === "") return `${prefix}-${made++}`;
  return id.length <= MOST_ID ? id : `sha256:${createHash("sha256").update(id).digest("hex")}`;
};

/** Files and folders that the plan opens → first 16 digits of their hash, as far as the build's manifest has it. */
function artefactHashes(plan: Plan, folder: string): Readonly<Record<string, string>> {
  const manifest = readManifest(dirname(folder));
  if (!manifest) return {};
  const version = folder.slice(dirname(folder).length + 1);
  const paths = new Set(
    plan.steps.flatMap(step => [step, ...(step.parts ?? [])].flatMap(one => Object.values(artefactsOf(one)))),
  );
  const hashes: Record<string, string> = {};
  for (const path of paths) {
    const inside = `${version}/${path}`;
    const files = [...manifest.files].filter(([file]) => file === inside || file.startsWith(`${inside}/`));
    if (files.length === 0) continue;
    const sums = files.map(([file, { sha256 }]) => `${file.slice(inside.length)} ${sha256}`).sort();
    const [only] = files;
    const sum = only![0] === inside ? only![1].sha256 : createHash("sha256").update(sums.join("\n")).digest("hex");
    hashes[path] = sum.slice(0, 16);
  }
  return hashes;
}
