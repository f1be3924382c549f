/**
 * The control process's answers: what changes or sums up the state of a server with several workers.
 */

import { RuntimeFault, unavailable } from "../../base/errors.js";
import { residentBytes } from "../../base/memory/resident.js";
import type { AdminFaults } from "../faults/admin.js";
import type { CheckedFault } from "../faults/fault.js";
import type { ActiveFault } from "../faults/fault-set.js";
import { addCounts, printHistory } from "../observe/request-history.js";
import type { ReadableRequests } from "../observe/tracing/recent-requests.js";
import type { Changes } from "./changes.js";
import type { Answers } from "./link.js";
import { mergeIndexes } from "./merge-index.js";
import { WorkerMetrics } from "./merge-metrics.js";
import { WorkerStatistics } from "./merge-statistics.js";
import type { ControlCalls, WorkerCalls } from "./messages.js";
import type { SharedSettings } from "./settings.js";
import type { WorkerProcess } from "./worker-process.js";

/** Without an answer within this time, a worker counts with its last one. */
const ASK_MS = 2000;

type Result<K extends keyof WorkerCalls> = ReturnType<WorkerCalls[K]>;

export class Control {
  readonly #statistics = new WorkerStatistics();
  readonly #metrics = new WorkerMetrics();

  /** @param workers those that answer for the server now */
  constructor(
    private readonly workers: () => readonly WorkerProcess[],
    private readonly changes: Changes,
    private readonly settings: SharedSettings,
  ) {}

  /** The answers to every worker. */
  readonly answers: Answers<ControlCalls> = {
    change: change => this.changes.run(change),
    set: setting => this.settings.set(setting),
    index: async () => mergeIndexes([...(await this.#askAll("index", undefined)).values()]),
    statistics: async question => this.#statistics.merge(this.#serials(), await this.#askAll("statistics", question)),
    metrics: () => this.printMetrics(),
    traceSettings: async model => mergeTraceSettings([...(await this.#askAll("traceSettings", model)).values()]),
  };

  readonly printMetrics = async (): Promise<string> => {
    const texts = await this.#askAll("metrics", undefined).catch(() => new Map<number, string>());
    return this.#metrics.merge(this.#serials(), texts, residentBytes());
  };

  /** A worker has ended: what it counted stays. */
  ended({ serial }: WorkerProcess): void {
    this.#statistics.end(serial);
    this.#metrics.end(serial);
  }

  published(models: readonly string[]): void {
    for (const model of models) {
      this.#statistics.forget(model);
      this.#metrics.forget(model);
    }
  }

  readonly #serials = (): readonly number[] => this.workers().map(({ serial }) => serial);

  /** @returns answers by the worker's serial number @throws RuntimeFault of the first where none answers */
  async #askAll<K extends keyof WorkerCalls>(
    call: K,
    argument: Parameters<WorkerCalls[K]>[0],
  ): Promise<ReadonlyMap<number, Result<K>>> {
    const workers = this.workers();
    const results = await Promise.allSettled(
      workers.map(({ link }) => link.ask(call, argument as never, ASK_MS) as Promise<Result<K>>),
    );
    const answers = new Map<number, Result<K>>();
    for (const [i, result] of results.entries())
      if (result.status === "fulfilled") answers.set(workers[i]!.serial, result.value);
    const [first] = results;
    if (answers.size > 0) return answers;
    throw first?.status === "rejected"
      ? RuntimeFault.from(first.reason)
      : unavailable("no worker of the server serves; try again");
  }

  /** The last requests of all workers. @param most that are listed */
  requests(most?: number): ReadableRequests {
    return sharedRequests((call, argument) => this.#askAll(call, argument), most);
  }

  /** The faults of the server's admin port. @param first id of the first fault that is added */
  faults(first: number): AdminFaults & { check(faults: readonly CheckedFault[]): Promise<void> } {
    let next = first;
    const list = async (): Promise<readonly ActiveFault[]> =>
      mergeFaults([...(await this.#askAll("faults", undefined)).values()]);
    return {
      list,
      add: async fault => {
        const id = next++;
        await this.settings.set({ setting: "fault", id, fault });
        return id;
      },
      remove: async id => {
        const isThere = (await list()).some(one => one.id === id);
        if (isThere) await this.settings.set({ setting: "no-fault", id });
        return isThere;
      },
      clear: () => this.settings.set({ setting: "no-fault", id: undefined }),
      check: async faults => {
        const [worker] = this.workers();
        for (const fault of faults) await worker?.link.ask("checkFault", fault, ASK_MS);
      },
    };
  }
}

/** Hits of requests add up; each worker has those of loads. A fault that is over in one worker is over in all. */
export function mergeFaults(lists: readonly (readonly ActiveFault[])[]): readonly ActiveFault[] {
  const merged = new Map<number, ActiveFault>();
  for (const one of lists.flat()) {
    const known = merged.get(one.id)?.hits ?? 0;
    const hits = one.fault.failLoad === undefined ? known + one.hits : Math.max(known, one.hits);
    merged.set(one.id, { ...one, hits });
  }
  const isEverywhere = (id: number): boolean => lists.every(list => list.some(one => one.id === id));
  return [...merged.values()]
    .filter(({ id, fault }) => fault.times === undefined || isEverywhere(id))
    .sort((a, b) => a.id - b.id);
}

type TraceSettings = Readonly<Record<string, string | readonly string[]>>;

/** The traces that are left add up; -1 is any number. */
export function mergeTraceSettings(all: readonly TraceSettings[]): TraceSettings {
  const [first = {}] = all;
  const counts = all.map(({ trace_count }) => Number(trace_count));
  if (first.trace_count === undefined || counts.some(count => count < 0)) return first;
  return { ...first, trace_count: String(counts.reduce((sum, count) => sum + count, 0)) };
}

/** Calls all workers. @returns their answers by process */
type AskAll = <K extends "recentState" | "recentList" | "recentFind" | "recentCounts">(
  call: K,
  argument: Parameters<WorkerCalls[K]>[0],
) => Promise<ReadonlyMap<number, ReturnType<WorkerCalls[K]>>>;

const MOST = 50;

/** The last requests of all workers, for the page. A worker that ended takes those that it kept with it. */
function sharedRequests(askAll: AskAll, most = MOST): ReadableRequests {
  const answers = async <K extends Parameters<AskAll>[0]>(call: K, argument: Parameters<WorkerCalls[K]>[0]) => [
    ...(await askAll(call, argument)).values(),
  ];
  return {
    list: async () =>
      (await answers("recentList", undefined))
        .flat()
        .sort((a, b) => b.at - a.at)
        .slice(0, most),
    find: async id => (await answers("recentFind", id)).find(Boolean),
    async state() {
      let [newest, unseen] = [0, 0];
      for (const one of await answers("recentState", undefined)) {
        newest += one?.newest ?? 0;
        unseen += one?.unseen ?? 0;
      }
      return { newest, unseen };
    },
    async history(model) {
      const counts = (await answers("recentCounts", model)).filter(one => one !== undefined);
      return counts.length > 0 ? printHistory(addCounts(counts)) : undefined;
    },
  };
}
