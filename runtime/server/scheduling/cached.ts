/**
 * A scheduler whose answers are kept: a request that was answered before is not scheduled again.
 */
import { cacheKey, type ResponseCache } from "../cache/local-cache.js";
import { now } from "./job.js";
import type { Scheduler } from "./scheduler.js";

const NOTHING = { input: 0, infer: 0, output: 0 };

/**
 * @param load sets this load of the version apart from others: a model that is loaded again starts with nothing
 * @param onRefused takes why an answer is not kept
 */
export function cachedScheduler(
  inner: Scheduler,
  cache: ResponseCache,
  model: string,
  load: number,
  onRefused: (text: string) => void = () => {},
): Scheduler {
  return {
    ...(inner.openSequences && { openSequences: inner.openSequences }),
    drain: () => inner.drain(),
    async schedule(request, answers) {
      const started = now();
      const key = cacheKey(model, load, request);
      const response = cache.get(key);
      const looked = now() - started;
      if (response) return { response, queueNs: 1, times: NOTHING, cache: { hit: true, ns: looked } };
      const done = await inner.schedule(request, answers);
      const kept = now();
      const refused = done.response && !done.response.error ? cache.put(key, done.response) : undefined;
      if (refused !== undefined) onRefused(`Failed to insert key [${key}] into response cache: ${refused}`);
      return { ...done, cache: { hit: false, ns: looked + now() - kept } };
    },
  };
}
