/**
 * Measures the load of this worker and the cost of a request to each of its models. Costs are wall times of
 * executions, scaled down to the CPU time of the process: a model that only waits for a store is cheap.
 */
import type { VersionStatistics } from "../observe/statistics.js";

/** One version's requests on this worker. */
export interface VersionLoad {
  readonly statistics: VersionStatistics;
  readonly isEnsemble: boolean;
  /** Microseconds of CPU a request; 0 until it is known. */
  cost: number;
  /** Requests that run or wait here. */
  inFlight: number;
  /** Requests of other workers that ran here since the last measurement. */
  received: number;
  seen: Seen;
}

interface Seen {
  readonly count: number;
  readonly ns: number;
}

export interface WorkerLoad {
  /** How busy this worker is with its own work, from 0 to 1. */
  readonly own: number;
  open(statistics: VersionStatistics, isEnsemble: boolean): VersionLoad;
  /** A request begins. Costs are measured while there are any. */
  begins(version: VersionLoad): void;
  /** @param received whether it was run for another worker */
  ends(version: VersionLoad, received: boolean): void;
  /** Microseconds of work that wait at this worker behind a request to this version. */
  backlog(version: VersionLoad): number;
  stop(): void;
}

/** Milliseconds between two looks. */
const LOOK_MS = 20;
/** Looks without a request after which no more is measured. */
const PATIENCE = 10;
/** The share of a new measurement. */
const WEIGHT = 0.3;
/** Idle time that is longer means that nothing was waiting. Microseconds. */
const PAUSE_US = 20;
/** The longest backlog that an uninterrupted busy time stands for, in requests. */
const DEEPEST = 8;
/** The process uses its core. */
const SATURATED = 0.85;

/** @param onChange called when `own` has changed by a tenth or more */
export function createLoad(onChange: () => void): WorkerLoad {
  const versions = new Set<WeakRef<VersionLoad>>();
  /** By statistics, which a version keeps when it is loaded again. */
  const known = new WeakMap<VersionStatistics, VersionLoad>();
  const idle = idleWatch();
  const machine = machineWatch();
  let [own, reported, quiet, running] = [0, 0, 0, 0];
  let cpu = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const { loop, used, elapsedUs, cpuUs } = machine();
    cpu = used;
    const received = learn(versions, cpuUs);
    own = Math.max(0, Math.min(1, Math.max(loop, Math.min(1, used))) - received / elapsedUs);
    if (Math.abs(own - reported) >= 0.1 || (own < 0.1 && reported >= 0.1)) {
      reported = own;
      onChange();
    }
    quiet = running > 0 ? 0 : quiet + 1;
    if (quiet < PATIENCE) return;
    clearInterval(timer);
    timer = undefined;
    own = 0;
    cpu = 0;
  };
  return {
    get own() {
      return own;
    },
    open(statistics, isEnsemble) {
      const before = known.get(statistics);
      if (before) return before;
      const version = {
        statistics,
        isEnsemble,
        cost: 0,
        inFlight: 0,
        received: 0,
        seen: seenBy(statistics, isEnsemble),
      };
      versions.add(new WeakRef(version));
      known.set(statistics, version);
      return version;
    },
    begins(version) {
      version.inFlight++;
      running++;
      quiet = 0;
      if (timer) return;
      machine();
      timer = setInterval(look, LOOK_MS).unref();
    },
    ends(version, received) {
      version.inFlight--;
      running--;
      if (received) version.received++;
    },
    backlog(version) {
      const { cost, inFlight, statistics } = version;
      const queued = statistics.pending * cost;
      const shared = cpu > SATURATED && inFlight > 1 ? (inFlight - 1) * cost : 0;
      return Math.max(Math.min(idle.busyUs(), DEEPEST * cost), queued, shared);
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}

/** How long the event loop has been busy without a pause. */
function idleWatch() {
  let idleMs = 0;
  let since = performance.now();
  return {
    busyUs(): number {
      const idle = performance.nodeTiming.idleTime;
      const now = performance.now();
      if ((idle - idleMs) * 1000 > PAUSE_US) {
        idleMs = idle;
        since = now;
      }
      return (now - since) * 1000;
    },
  };
}

/** Use of the event loop and of the processor since the last call. */
function machineWatch() {
  let at = performance.now();
  let loop = performance.eventLoopUtilization();
  let cpu = process.cpuUsage();
  return () => {
    const [now, nextLoop, nextCpu] = [performance.now(), performance.eventLoopUtilization(), process.cpuUsage()];
    const elapsedUs = Math.max(1, (now - at) * 1000);
    const cpuUs = nextCpu.user - cpu.user + nextCpu.system - cpu.system;
    const { utilization } = performance.eventLoopUtilization(nextLoop, loop);
    [at, loop, cpu] = [now, nextLoop, nextCpu];
    return { loop: utilization, used: cpuUs / elapsedUs, elapsedUs, cpuUs };
  };
}

/** Updates costs by the requests that ran since the last measurement. @returns microseconds of work for other workers */
function learn(versions: Set<WeakRef<VersionLoad>>, cpuUs: number): number {
  const ran: { readonly version: VersionLoad; readonly count: number; readonly us: number }[] = [];
  let wall = 0;
  for (const reference of versions) {
    const version = reference.deref();
    if (!version) versions.delete(reference);
    else {
      const seen = seenBy(version.statistics, version.isEnsemble);
      const [count, us] = [seen.count - version.seen.count, (seen.ns - version.seen.ns) / 1000];
      version.seen = seen;
      if (count > 0) ran.push({ version, count, us });
      wall += Math.max(0, us);
    }
  }
  const scale = wall > cpuUs ? cpuUs / wall : 1;
  let received = 0;
  for (const { version, count, us } of ran) {
    const cost = (us * scale) / count;
    version.cost = version.cost === 0 ? cost : version.cost + WEIGHT * (cost - version.cost);
    received += Math.min(version.received, count) * cost;
    version.received = 0;
  }
  return received;
}

function seenBy(
  { success, computeInput, computeInfer, computeOutput, queue }: VersionStatistics,
  isEnsemble: boolean,
): Seen {
  const { count } = success;
  // An ensemble computes in its members.
  return { count, ns: isEnsemble ? success.ns - queue.ns : computeInput.ns + computeInfer.ns + computeOutput.ns };
}
