/**
 * A server that failed to start and stays (`--exit-on-error=false`): its ports are open, it is neither live nor ready, and whatever
 * concerns models is refused. What is the server's own (metadata, log and trace settings, memory regions) is answered.
 */
import { RuntimeFault } from "../../base/errors.js";
import type { ServerCalls } from "../requests/server-calls.js";

export function callsOfFailedStart(calls: ServerCalls): ServerCalls {
  const refuse = (): never => {
    throw new RuntimeFault("UNAVAILABLE", "Server not ready");
  };
  const refuseLater = async (): Promise<never> => refuse();
  return {
    ...calls,
    isLive: () => false,
    isReady: () => false,
    find: refuse,
    isModelReady: refuse,
    modelMetadata: refuse,
    modelConfig: refuse,
    statistics: refuse,
    statisticsWithStages: refuse,
    index: refuseLater,
    load: refuseLater,
    unload: refuseLater,
  };
}
