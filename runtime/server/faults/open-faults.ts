/**
 * The faults of a server from its options: nothing unless some are given or the admin call is enabled.
 */
import type { Clock } from "../../base/clock.js";
import type { ModelMiddleware } from "../models/model-middleware.js";
import type { Registry } from "../models/registry-types.js";
import type { ServerLog } from "../observe/server-log.js";
import type { CheckedFault, Fault } from "./fault.js";
import type { FaultSet } from "./fault-set.js";
import { requireModels } from "./missing-model.js";

export interface FaultOptions {
  readonly faults: readonly (Fault | string)[];
  /** Port of the admin call on the loopback address; 0 takes a free one. */
  readonly faultAdminPort: number | undefined;
  readonly seed: bigint | undefined;
  readonly clock: Clock | undefined;
  /** Called with the id of a fault that has hit as often as it may. */
  readonly onOver?: ((id: number) => void) | undefined;
}

export interface OpenFaults {
  readonly middleware: ModelMiddleware;
  readonly set: FaultSet;
  /**
   * Opens the admin call, if it is enabled. @param opens false for a worker of several, whose control process opens it
   * @returns its port @throws ListenError; RuntimeFault for a fault of a model that no repository has
   */
  listen(log: ServerLog, opens: boolean): Promise<number | undefined>;
  /** @throws RuntimeFault for a fault of a model that no repository has */
  check(fault: CheckedFault): Promise<void>;
  /** Releases the requests that the faults hold, and closes the admin call. */
  close(): Promise<void>;
}

/** @throws RuntimeFault for a fault that is none */
export async function openFaults({
  faults,
  faultAdminPort,
  seed = 0n,
  clock,
  onOver,
}: FaultOptions): Promise<OpenFaults | undefined> {
  if (faults.length === 0 && faultAdminPort === undefined) return undefined;
  const [{ createFaultSet }, { faultLayer }, { serveFaultAdmin }] = await Promise.all([
    import("./fault-set.js"),
    import("./fault-layer.js"),
    import("./admin.js"),
  ]);
  const set = createFaultSet(seed, clock, onOver);
  for (const fault of faults) set.add(fault);
  let admin: Awaited<ReturnType<typeof serveFaultAdmin>> | undefined;
  let registry: Registry | undefined;
  const layer = faultLayer(set);
  const require = async (checked: readonly CheckedFault[]): Promise<void> => {
    if (registry) await requireModels(checked, registry);
  };
  return {
    set,
    middleware: {
      ...layer,
      registry: inner => {
        registry = inner;
        return layer.registry!(inner);
      },
    },
    check: fault => require([fault]),
    async listen(log, opens) {
      await require(set.list().map(({ fault }) => fault));
      if (faultAdminPort === undefined || !opens) return undefined;
      admin = await serveFaultAdmin(faultAdminPort, set, require);
      log.info("faults", `Started fault admin at ${admin.address}:${admin.port}`);
      return admin.port;
    },
    async close() {
      set.clear();
      await admin?.stop(0);
    },
  };
}
