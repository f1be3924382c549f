/** One database → as many connections as may work side by side; work waits for a free one. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Database } from "./database.js";
import type { EnginePool } from "./engine.js";

export type ConnectionPool = EnginePool<Database>;

/** The pool in whose work this code runs: it could wait for the connection that it holds itself. One for all pools: each slows every promise. */
const within = new AsyncLocalStorage<object>();

export async function openPool(database: Database, size: number): Promise<ConnectionPool> {
  const free = [database];
  while (free.length < size) free.push(await database.connect());
  const waiting: ((database: Database) => void)[] = [];
  return {
    async run(work) {
      if (within.getStore() === free) throw new Error("work that has a connection of the pool waits for another one");
      const mine = free.pop() ?? (await new Promise<Database>(resolve => waiting.push(resolve)));
      try {
        return await within.run(free, () => work(mine));
      } finally {
        const next = waiting.shift();
        if (next) next(mine);
        else free.push(mine);
      }
    },
  };
}
