/**
 * The response cache of the command line: settings by cache → a cache, none, or Triton's refusal.
 */
import { invalid } from "../../base/errors.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { ServerLog } from "../observe/server-log.js";
import { createLocalCache, type ResponseCache } from "./local-cache.js";

type Settings = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface Report {
  /** The path where Triton would search for a library of a cache. */
  readonly searched: string;
  readonly log: Pick<ServerLog, "error" | "hint">;
  /** Takes the bytes of the cache. */
  readonly budget?: MemoryBudget;
}

/**
 * @param size bytes of the local cache where no setting names them; 0 for no cache
 * @throws RuntimeFault
 */
export function chooseCache(
  settings: Settings,
  size: number,
  { searched, log, budget }: Report,
): ResponseCache | undefined {
  if (Object.keys(settings).length > 1)
    throw invalid("found multiple cache configurations, but only a single cache is currently supported");
  const unknown = Object.keys(settings).find(name => name !== "local");
  if (unknown !== undefined) {
    log.hint("cache_manager", "the cache of this server is 'local': --cache-config=local,size=BYTES");
    throw invalid(`unable to find 'libtritoncache_${unknown}.so' for cache. Searched: ${searched}`);
  }
  const bytes = cacheSize(settings, size, log);
  return bytes > 0 ? createLocalCache(bytes, budget) : undefined;
}

/** Bytes of the local cache. @throws RuntimeFault */
function cacheSize({ local }: Settings, size: number, log: Report["log"]): number {
  if (!local) return size;
  const bytes = Number(local.size);
  if (!(bytes > 0)) {
    // Triton's line about the library that refused the settings.
    log.error("cache_manager", "cache implementation handle is nullptr");
    throw invalid("Failed to initialize LocalCache: config didn't contain a valid 'size' field.");
  }
  return bytes;
}
