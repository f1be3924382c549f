/**
 * The end of a server's models, with the lines of the log by which an operator sees what it still waits for.
 */
import { idText } from "../models/model-ids.js";
import type { Registry } from "../models/registry-types.js";
import type { ServerLog } from "../observe/server-log.js";
import { countDown } from "./count-down.js";

/**
 * Unloads all models once no client can reach them. Requests in flight then are sequences that no client can continue, which end with their
 * models, and requests of disconnected clients.
 * @param patience milliseconds, for the log
 */
export async function stopModels(registry: Registry, patience: number, log: ServerLog): Promise<void> {
  const end = performance.now() + patience;
  const live = (seconds: number): number => {
    const models = new Set(registry.ready().map(({ namespace, model }) => idText({ namespace, name: model })));
    log.info("server", `Timeout ${seconds}: Found ${models.size} live models and 0 in-flight non-inference requests`);
    return models.size;
  };
  log.info("server", "Waiting for in-flight requests to complete.");
  reportInFlight(registry, secondsUntil(end), log);
  log.info("server", "All models are stopped, unloading models");
  let last = 0;
  await registry.stop().finally(
    countDown(patience, seconds => {
      last = live(seconds);
    }),
  );
  if (last > 0) live(secondsUntil(end));
}

function reportInFlight(registry: Registry, seconds: number, log: ServerLog): void {
  const found = registry.ready().flatMap(({ namespace, model, version, scheduler, statistics }) => {
    const count = scheduler.openSequences?.() ?? statistics.pending;
    return count > 0 ? [{ id: idText({ namespace, name: model }), version, count }] : [];
  });
  log.info("server", `Timeout ${seconds}: Found ${found.length} model versions that have in-flight inferences`);
  for (const { id, version, count } of found)
    log.info("server", `Model '${id}' (version ${version}) has ${count} in-flight inferences`);
}

const secondsUntil = (end: number): number => Math.max(0, Math.round((end - performance.now()) / 1000));
