/**
 * One instance of a JavaScript model: a worker thread, started again when it has died. Its errors affect only itself.
 */

import type { BackendRequest, Send, ServerModels } from "../../contract.js";
import type { ExecutionClock } from "../../scheduling/execution-clock.js";
import type { WorkerStart } from "./protocol.js";
import { type ModelThread, openThread } from "./thread.js";

export interface JavaScriptInstance {
  /** Resolves when the model has initialized. @throws RuntimeFault if it could not */
  ready(): Promise<void>;
  /** Resolves when `execute` has ended. @throws RuntimeFault when it threw, took too long or took the thread down; NOT_BEGUN */
  run(requests: readonly BackendRequest[], send: Send, clock?: ExecutionClock): Promise<void>;
  /** How many executions it takes at once; it runs one after the other. */
  ahead(): number;
  close(): Promise<void>;
}

/**
 * @param limit milliseconds an execution may take; 0 for any
 * @param onEnd called with the reason when its thread ends, unless it was closed
 */
export function startInstance(
  start: WorkerStart,
  server: ServerModels,
  limit: number,
  onEnd: (reason: string) => void,
): JavaScriptInstance {
  let opening: Promise<ModelThread> | undefined;
  let thread: ModelThread | undefined;
  const running = (): Promise<ModelThread> => {
    opening ??= openThread(start, server, limit, reason => {
      thread = undefined;
      opening = undefined;
      onEnd(reason);
    }).then(
      opened => {
        thread = opened;
        return opened;
      },
      error => {
        opening = undefined;
        throw error;
      },
    );
    return opening;
  };
  return {
    ready: async () => void (await running()),
    run: (requests, send, clock) =>
      thread ? thread.run(requests, send, clock) : running().then(opened => opened.run(requests, send, clock)),
    ahead: () => thread?.ahead() ?? 1,
    close: async () => {
      const last = await opening?.catch(() => undefined);
      await last?.close();
    },
  };
}
