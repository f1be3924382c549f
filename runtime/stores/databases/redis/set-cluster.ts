/**
 * A vector set in a cluster. It is one key, so that one node has all of it. Commands are sent to that node, and follow the set when its slot
 * moves.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { keySlot } from "../../feast/key-slot.js";
import type { Node } from "./set-address.js";

export type Command = readonly [name: string, ...args: (Buffer | string | number)[]];
/** An error of a command, or its value. */
export type Reply = readonly [error: Error | null, value?: unknown];

/** Sends commands in one write, and waits for all replies. Rejects if there is no connection. */
export type Send = (node: Node, commands: readonly Command[]) => Promise<readonly Reply[]>;

export interface SetCluster {
  run(commands: readonly Command[], send: Send): Promise<readonly unknown[]>;
  /** The next run looks for the node that has the set. */
  forget(): void;
}

/** Redirections that one run follows. While a slot moves, commands with several of its keys are repeated. */
const MOST_ROUNDS = 100;
/** Rounds without a pause: nodes may disagree for a moment. */
const QUICK_ROUNDS = 5;
const PAUSE_MS = 50;

/**
 * @param seeds nodes of which one must answer
 * @param dial opens a connection for one question
 */
export function setCluster(key: string, seeds: readonly Node[], dial: (node: Node) => Promise<Redis>): SetCluster {
  const slot = keySlot(Buffer.from(key));
  /** Nodes that had the slot at the last answer, the primary first: replicas know when another takes its place. */
  let owners: readonly Node[] = [];
  let primary: Promise<Node> | undefined;
  const find = async (): Promise<Node> => {
    const known = new Map([...owners, ...seeds].map(node => [`${node.host}:${node.port}`, node]));
    const found = await firstOf([...known.values()].map(node => ownersOf(node, slot, dial)));
    const [first] = found;
    if (!first) throw new Error(`CLUSTERDOWN no node has the slot ${slot} of \`${key}\``);
    owners = found;
    return first;
  };
  const forget = (): void => {
    primary = undefined;
  };
  return {
    forget,
    async run(commands, send) {
      primary ??= find();
      let node: Node;
      try {
        node = await primary;
      } catch (error) {
        forget();
        throw error;
      }
      return follow(commands, node, send, moved => {
        primary = Promise.resolve(moved);
      });
    },
  };
}

/** @throws the error of a server, if one replied with an error, or of a connection */
async function firstOf<T>(answers: readonly Promise<T>[]): Promise<T> {
  try {
    return await Promise.any(answers);
  } catch (error) {
    const { errors } = error as AggregateError;
    throw (errors as readonly Error[]).find(({ name }) => name === "ReplyError") ?? errors[0];
  }
}

type Slots = readonly (readonly [
  first: number,
  last: number,
  ...nodes: (readonly [host: string | null, port: number])[],
])[];

async function ownersOf(node: Node, slot: number, dial: (node: Node) => Promise<Redis>): Promise<readonly Node[]> {
  const client = await dial(node);
  try {
    const slots = (await client.call("CLUSTER", "SLOTS")) as Slots;
    const [, , ...nodes] = slots.find(([first, last]) => first <= slot && slot <= last) ?? [0, 0];
    return nodes.map(([host, port]) => ({ host: known(host) ?? node.host, port }));
  } finally {
    client.disconnect();
  }
}

/** A node may not know its own host: then it is that of the question. */
const known = (host: string | null): string | undefined =>
  host === null || host === "" || host === "?" ? undefined : host;

interface Pending {
  readonly place: number;
  readonly node: Node;
  /** The slot is on its way to the node. */
  readonly isAsking: boolean;
}

async function follow(
  commands: readonly Command[],
  start: Node,
  send: Send,
  onMoved: (node: Node) => void,
): Promise<readonly unknown[]> {
  const values = new Array<unknown>(commands.length);
  let pending = commands.map((_, place): Pending => ({ place, node: start, isAsking: false }));
  for (let round = 0; pending.length > 0; round++) {
    const next: Pending[] = [];
    let isEarly = false;
    for (const group of groupsOf(pending)) {
      const [{ node, isAsking }] = group as [Pending];
      const replies = await send(
        node,
        group.flatMap(({ place }) => (isAsking ? [ASKING, commands[place]!] : [commands[place]!])),
      );
      group.forEach(({ place }, i) => {
        const [error, value] = replies[isAsking ? 2 * i + 1 : i]!;
        const elsewhere = error ? redirection(error, node) : undefined;
        if (error && (!elsewhere || round === MOST_ROUNDS)) throw error;
        if (!elsewhere) values[place] = value;
        else next.push({ place, ...elsewhere });
        if (elsewhere?.isMoved) onMoved(elsewhere.node);
        isEarly ||= elsewhere?.isEarly === true;
      });
    }
    if (isEarly || round >= QUICK_ROUNDS) await pause(PAUSE_MS);
    pending = next;
  }
  return values;
}

const ASKING: Command = ["ASKING"];

/** Commands that one write can have, in their order. */
function groupsOf(pending: readonly Pending[]): Pending[][] {
  const groups = new Map<string, Pending[]>();
  for (const each of pending) {
    const name = `${each.node.host} ${each.node.port} ${each.isAsking}`;
    const group = groups.get(name);
    if (group) group.push(each);
    else groups.set(name, [each]);
  }
  return [...groups.values()];
}

/** @returns undefined for an error that is not about a place */
function redirection({ message }: Error, node: Node) {
  if (message.startsWith("TRYAGAIN")) return { node, isAsking: false, isMoved: false, isEarly: true };
  const [, word, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(message) ?? [];
  if (word === undefined) return undefined;
  const to = { host: known(host!) ?? node.host, port: Number(port) };
  return { node: to, isAsking: word === "ASK", isMoved: word === "MOVED", isEarly: false };
}
