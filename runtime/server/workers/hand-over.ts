/**
 * The ports of a server with several workers: the control process accepts, and hands each connection to the worker that has the fewest. A worker that dies thus
 * loses the connections that it has read from, and no other.
 */
import { createServer, type Server } from "node:net";
import { type ConnectionHandle, capConnections } from "../transport/connection-cap.js";
import { type ListenAt, type Listener, listen } from "../transport/listen.js";
import type { PortName } from "./worker-options.js";
import type { WorkerProcess } from "./worker-process.js";

/** Open connections of one port, in all workers together. */
const MOST_OPEN = 8192;
/** Connections for which no worker is there yet. */
const MOST_PARKED = 1024;
const PARKED_MS = 10_000;
/** A worker that has not taken a connection after this time gets no other while the others do. */
const SLOW_MS = 100;

/** Node's handle, which `net` has inside its objects. */
interface ListeningHandle {
  onconnection(error: number, handle: ConnectionHandle | undefined): void;
}

interface Waiting {
  readonly port: PortName;
  readonly handle: ConnectionHandle;
  readonly since: number;
}

/** Given to a worker that has not confirmed it. */
interface Given extends Waiting {
  readonly sent: number;
}

/** A connection as `listen` counts it. */
const COUNTED = { once() {} };

export class HandOver {
  /** Accepted, for no worker yet. */
  #parked: Waiting[] = [];
  /** By worker and id: kept until the worker has them, for another one if it ends before. */
  readonly #given = new Map<WorkerProcess, Map<number, Given>>();
  #lastId = 0;

  /** @param workers those that are there now */
  constructor(private readonly workers: () => readonly WorkerProcess[]) {}

  /** @throws ListenError */
  async listen(port: PortName, at: ListenAt): Promise<Listener> {
    const server = createServer();
    const listener = await listen(server, at, async () => {});
    this.#accept(port, server);
    capConnections(server, at.onFull ?? (() => {}));
    const { connectionsOf } = this;
    return {
      ...listener,
      get connections() {
        return connectionsOf(port);
      },
    };
  }

  readonly connectionsOf = (port: PortName): number =>
    this.workers().reduce((sum, { open }) => sum + (open.get(port) ?? 0), 0);

  #accept(port: PortName, server: Server): void {
    const { _handle: handle } = server as unknown as { readonly _handle: ListeningHandle };
    handle.onconnection = (error, accepted) => {
      if (error !== 0 || !accepted) return;
      server.emit("connection", COUNTED);
      if (this.connectionsOf(port) >= MOST_OPEN) accepted.close();
      else this.#give({ port, handle: accepted, since: performance.now() });
    };
  }

  #give(one: Waiting): void {
    const worker = this.#choose(one.port);
    if (worker) this.#send(worker, one);
    else if (this.#parked.length < MOST_PARKED) this.#parked.push(one);
    else one.handle.close();
  }

  #choose(port: PortName): WorkerProcess | undefined {
    const now = performance.now();
    const all = this.workers().filter(
      ({ ports, state, child }) => child.connected && ports.has(port) && (state === "serving" || state === "starting"),
    );
    const isSlow = (worker: WorkerProcess): boolean => {
      for (const { sent } of this.#given.get(worker)?.values() ?? []) return now - sent > SLOW_MS;
      return false;
    };
    const quick = all.filter(worker => !isSlow(worker));
    const candidates = quick.length > 0 ? quick : all;
    let best: WorkerProcess | undefined;
    // Those with equally many take turns, the longest wait first: turns by number would skip a worker again and again beside one that reports late.
    for (const one of candidates) {
      const more = best ? one.connections - best.connections : -1;
      if (!best || more < 0 || (more === 0 && one.lastGiven < best.lastGiven)) best = one;
    }
    return best;
  }

  #send(worker: WorkerProcess, one: Waiting): void {
    const given = this.#given.get(worker) ?? new Map<number, Given>();
    this.#given.set(worker, given);
    const id = ++this.#lastId;
    worker.lastGiven = id;
    given.set(id, { ...one, sent: performance.now() });
    worker.open.set(one.port, (worker.open.get(one.port) ?? 0) + 1);
    const takeBack = (): void => {
      // Connections of a worker that ended meanwhile have another one by now.
      if (!given.delete(id)) return;
      this.#uncount(worker, one);
      this.#give(one);
    };
    const isSent = worker.link.note({ note: "connection", port: one.port, id }, one.handle, error => {
      if (error) takeBack();
    });
    if (!isSent) takeBack();
  }

  /** A worker has these connections, and begins to read them. */
  taken(worker: WorkerProcess, ids: readonly number[]): void {
    const given = this.#given.get(worker);
    for (const id of ids) {
      given?.get(id)?.handle.close();
      given?.delete(id);
    }
  }

  #uncount({ open }: WorkerProcess, { port }: Waiting): void {
    open.set(port, Math.max(0, (open.get(port) ?? 0) - 1));
  }

  /** A worker takes connections of a port now: it gets those that wait. */
  opened(): void {
    const parked = this.#parked;
    this.#parked = [];
    for (const one of parked) this.#give(one);
  }

  /** @param closed connections that have ended */
  closed(worker: WorkerProcess, closed: Readonly<Partial<Record<PortName, number>>>): void {
    for (const [port, count] of Object.entries(closed) as [PortName, number][])
      worker.open.set(port, Math.max(0, (worker.open.get(port) ?? 0) - count));
  }

  /** A worker has ended, and its last note is read: connections that it did not take go to another one. */
  ended(worker: WorkerProcess): void {
    const left = [...(this.#given.get(worker)?.values() ?? [])];
    this.#given.get(worker)?.clear();
    this.#given.delete(worker);
    worker.open.clear();
    for (const { port, handle, since } of left) this.#give({ port, handle, since });
  }

  /** Ends connections that have waited for a worker for too long. @param all the others too */
  sweep(all = false): void {
    const old = performance.now() - PARKED_MS;
    const late = this.#parked.filter(({ since }) => all || since < old);
    this.#parked = this.#parked.filter(one => !late.includes(one));
    for (const { handle } of late) handle.close();
  }
}
