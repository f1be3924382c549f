/**
 * The workers of one server, as one of them sees them: which requests run where, and the links that carry them.
 */
import { chmod, unlink } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { Registry } from "../models/registry-types.js";
import { seldom } from "../observe/seldom.js";
import type { Place } from "../requests/placement.js";
import type { HomeFacts } from "./homes.js";
import { PeerLink } from "./link.js";
import { createLoad } from "./load.js";
import type { PeerOptions, PeerState } from "./options.js";
import { createOverlap } from "./overlap.js";
import { placementOf, type Workers } from "./placement.js";
import { runReceived } from "./run-received.js";
import { ServedLink, type ServedLinkOptions } from "./serve-link.js";
import { requirePrivate, socketPath } from "./socket-folder.js";

export interface PeerContext {
  readonly budget: MemoryBudget;
  readonly facts: Omit<HomeFacts, "homeBatchers">;
  readonly log: (text: string) => void;
}

export interface Peers {
  readonly place: Place;
  readonly state: PeerState;
  /** Opens this worker's socket, and dials the others; their links may follow later. @throws Error */
  start(registry: Registry): Promise<void>;
  /** Resolves when no other worker needs a version of this generation. */
  released(generation: string): Promise<void>;
  /** Says that this worker is about to end, and keeps serving. */
  leave(): void;
  /** Ends when the other workers need nothing more, or after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

const SILENCE_MS = 30_000;
const SHORTEST_TOKEN = 16;
const LONGEST_TOKEN = 256;

/** @throws Error for options that do not fit together */
export function openPeers(options: PeerOptions, { budget, facts, log }: PeerContext): Peers {
  requireGood(options);
  const { self, count, folder, token, silenceMs = SILENCE_MS } = options;
  const links = new Map<number, PeerLink>();
  const counts: Workers["counts"] = { homed: 0, balanced: 0, received: 0, lost: 0 };
  let listener: PeerListener | undefined;
  const whole: (() => void)[] = [];
  const onChange = (): void => {
    workers.live = [...links.values()].filter(({ isLive }) => isLive).map(({ index }) => index);
    workers.live = [...workers.live, self];
    if (workers.live.length === count) for (const resolve of whole.splice(0)) resolve();
  };
  for (let index = 0; index < count; index++)
    if (index !== self)
      links.set(
        index,
        new PeerLink({
          ...{ self, count, token, index, path: socketPath(folder, index), budget, silenceMs, onChange },
          onLost(requests) {
            counts.lost += requests;
            log(`worker ${index} ended with ${requests} request${requests === 1 ? "" : "s"} of worker ${self}`);
          },
        }),
      );
  const load = createLoad(() => listener?.sendLoad());
  const balance = options.balance ?? "auto";
  const workers: Workers = { self, links, live: [self], load, overlap: createOverlap(), balance, counts };
  const all: HomeFacts = { ...facts, homeBatchers: options.homeBatchers ?? "none" };
  return {
    place: version => placementOf(version, all, workers),
    state: {
      get linked() {
        return workers.live.filter(index => index !== self);
      },
      whole: () => (workers.live.length === count ? Promise.resolve() : new Promise(resolve => whole.push(resolve))),
      counts,
    },
    async start(registry) {
      await requirePrivate(folder);
      const refused = seldom(log);
      listener = await listenToPeers(folder, {
        ...{ self, count, token, budget, silenceMs },
        load: () => load.own,
        released: generation => registry.released(generation),
        run: runReceived(registry, () => counts.received++),
        onHello: worker => links.get(worker)?.dial(),
        onRefused: why => refused(`a connection to worker ${self}'s socket was closed: it ${why}`),
      });
      for (const link of links.values()) link.dial();
    },
    async released(generation) {
      await Promise.all([...links.values()].map(link => link.released(generation)));
    },
    leave: () => listener?.sendLeaving(),
    async stop(patience) {
      const end = performance.now() + patience;
      await Promise.all([...links.values()].map(link => link.end(patience)));
      await listener?.stop(Math.max(0, end - performance.now()));
      load.stop();
    },
  };
}

function requireGood({ self, count, token }: PeerOptions): void {
  if (!Number.isInteger(count) || count < 1 || count > 1024)
    throw new RangeError(`a server has 1 to 1024 workers, not ${count}`);
  if (!Number.isInteger(self) || self < 0 || self >= count)
    throw new RangeError(`worker ${self} is not one of ${count}: workers are numbered from 0`);
  const length = Buffer.byteLength(token);
  if (length < SHORTEST_TOKEN || length > LONGEST_TOKEN)
    throw new RangeError(`the workers' token has ${length} bytes; it takes ${SHORTEST_TOKEN} to ${LONGEST_TOKEN}`);
}

interface PeerListener {
  sendLoad(): void;
  sendLeaving(): void;
  /** Resolves when the other workers have closed their links, or after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

/** Connections beside those of the other workers. */
const SPARE = 16;

/**
 * The Unix socket of this worker, in a folder that only this user can enter.
 * @throws Error
 */
async function listenToPeers(folder: string, options: ServedLinkOptions): Promise<PeerListener> {
  const path = socketPath(folder, options.self);
  const links = new Map<Socket, ServedLink>();
  let ended: (() => void) | undefined;
  const server = createServer(socket => {
    links.set(socket, new ServedLink(socket, options));
    socket.once("close", () => {
      links.delete(socket);
      if (links.size === 0) ended?.();
    });
  });
  server.maxConnections = options.count + SPARE;
  // A worker that was killed leaves its socket behind.
  await unlink(path).catch(() => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", error =>
      reject(new Error(`the socket of worker ${options.self} cannot be made: ${error.message}`)),
    );
    server.listen({ path }, resolve);
  });
  // Without descriptors a connection is not accepted; its worker dials again.
  server.on("error", error => options.onRefused(`could not be accepted: ${error.message}`));
  await chmod(path, 0o600);
  return {
    sendLoad() {
      for (const link of links.values()) link.sendLoad();
    },
    sendLeaving() {
      for (const link of links.values()) link.sendLeaving();
    },
    async stop(patience) {
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      if (links.size > 0 && patience > 0) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>(resolve => {
          ended = resolve;
          timer = setTimeout(resolve, patience);
        });
        clearTimeout(timer);
      }
      for (const socket of links.keys()) socket.destroy();
      await closed;
    },
  };
}
