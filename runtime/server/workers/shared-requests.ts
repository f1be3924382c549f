/**
 * The last requests of all workers, for the page. A worker that ended takes those that it kept with it.
 */
import { addCounts, printHistory } from "../observe/request-history.js";
import type { ReadableRequests } from "../observe/tracing/recent-requests.js";
import type { WorkerCalls } from "./messages.js";

/** Calls all workers. @returns their answers by process */
export type AskAll = <K extends "recentState" | "recentList" | "recentFind" | "recentCounts">(
  call: K,
  argument: Parameters<WorkerCalls[K]>[0],
) => Promise<ReadonlyMap<number, ReturnType<WorkerCalls[K]>>>;

const MOST = 50;

export function sharedRequests(askAll: AskAll, most = MOST): ReadableRequests {
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
