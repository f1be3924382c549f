/**
 * A version for requests that no client sent. It runs the same model by a scheduler and statistics of its own. Its requests reach no log, no
 * trace, no exposure log and no other worker, and so do those of the models that it calls.
 */
import type { BackendRequest, LoadedModel } from "../contract.js";
import { VersionLease } from "../models/lease.js";
import type { ReadyVersion } from "../models/ready-version.js";
import type { Registry } from "../models/registry-types.js";
import { createStatistics } from "../observe/statistics.js";
import { directScheduler } from "../scheduling/direct.js";
import { instancesOf } from "../scheduling/instance-groups.js";

export interface Isolated {
  readonly version: ReadyVersion;
  /** Ends the lease of the models that it calls. */
  end(): void;
}

export function isolate(version: ReadyVersion, registry: Registry): Isolated {
  const copies = new Map<ReadyVersion, ReadyVersion>();
  const copyOf = (found: ReadyVersion): ReadyVersion => {
    const copy = copies.get(found) ?? copied(found, lease);
    copies.set(found, copy);
    return copy;
  };
  const lease = new VersionLease({ ...registry, find: (...asked) => copyOf(registry.find(...asked)) });
  return { version: copyOf(version), end: () => lease.end() };
}

/** Spread, so that V8 sees objects of the kind that it will see, and keeps what it compiled for them. */
function copied(version: ReadyVersion, lease: VersionLease): ReadyVersion {
  const statistics = createStatistics();
  const loaded = asWarmUps(version.loaded, lease);
  const scheduler = directScheduler(loaded, instancesOf(version.config).length, statistics);
  return { ...version, loaded, statistics, scheduler, log: undefined, placement: undefined };
}

/** The model, for which every request is a warm-up that calls other models by this lease. */
const asWarmUps = (model: LoadedModel, lease: VersionLease): LoadedModel => ({
  ...model,
  execute: (requests, instance, clock) =>
    model.execute(
      requests.map((request): BackendRequest => ({ ...request, lease, isWarmUp: true })),
      instance,
      clock,
    ),
});
