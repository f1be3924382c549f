/**
 * The response cache that the command line asks for: settings by cache → a cache, none, or Triton's refusal.
 */
import { RuntimeFault } from "../errors.js";
import { createLocalCache, type ResponseCache } from "./local-cache.js";

type Settings = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** @param size bytes of the local cache where no setting names them; 0 for no cache */
export function chooseCache(settings: Settings, size: number): ResponseCache | undefined {
  if (Object.keys(settings).length > 1)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      "found multiple cache configurations, but only a single cache is currently supported",
    );
  const unknown = Object.keys(settings).find(name => name !== "local");
  if (unknown !== undefined)
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      `unable to find 'libtritoncache_${unknown}.so' for cache. The cache of this server is 'local': --cache-config=local,size=BYTES`,
    );
  const bytes = cacheSize(settings, size);
  return bytes > 0 ? createLocalCache(bytes) : undefined;
}

/** Bytes of the local cache. @throws RuntimeFault */
export function cacheSize({ local }: Settings, size: number): number {
  if (!local) return size;
  const bytes = Number(local.size);
  if (!(bytes > 0))
    throw new RuntimeFault(
      "INVALID_ARGUMENT",
      "Failed to initialize LocalCache: config didn't contain a valid 'size' field.",
    );
  return bytes;
}
