/**
 * A registry → the same registry with models that are not ready and queues that are full, as their faults say.
 */

import { Refusal, RuntimeFault } from "../../base/errors.js";
import type { ReadyVersion } from "../models/ready-version.js";
import type { Registry } from "../models/registry-types.js";
import { requestPrefix } from "../requests/request-prefix.js";
import type { FaultSet } from "./fault-set.js";

export function faultyRegistry(registry: Registry, faults: FaultSet): Registry {
  const made = new WeakMap<ReadyVersion, ReadyVersion>();
  const withQueue = (version: ReadyVersion): ReadyVersion => {
    const known = made.get(version);
    if (known) return known;
    const { scheduler, model } = version;
    const full: ReadyVersion = {
      ...version,
      scheduler: {
        drain: () => scheduler.drain(),
        schedule(request, answers) {
          if (faults.hit("full", model).length > 0)
            return Promise.reject(new Refusal("UNAVAILABLE", `${requestPrefix(request.id)}Exceeds maximum queue size`));
          return scheduler.schedule(request, answers);
        },
      },
    };
    made.set(version, full);
    return full;
  };
  const away = (model: string): boolean => faults.holds("notReady", model);
  return {
    ...registry,
    find(name, number, how) {
      const version = registry.find(name, number, how);
      if (!away(name)) return withQueue(version);
      const unknown = `Request for unknown model: '${name}'`;
      throw number === -1
        ? new RuntimeFault("NOT_FOUND", `${unknown} has no available versions`)
        : new RuntimeFault("UNAVAILABLE", `${unknown} version ${number} is not at ready state`);
    },
    ready: () => registry.ready().filter(({ model }) => !away(model)),
    allReady: () => registry.allReady() && !registry.ready().some(({ model }) => away(model)),
    index: async () =>
      (await registry.index()).map(entry =>
        entry.state === "READY" && away(entry.name) ? { ...entry, state: "LOADING" as const } : entry,
      ),
  };
}
