/** One database → as many connections as may work side by side; work waits for a free one. */
import type { Database } from "./database.js";
import type { EnginePool } from "./engine.js";

export type ConnectionPool = EnginePool<Database>;

/**
 * Work that has a connection must not wait for more work of the pool, which could wait for that connection. An `AsyncLocalStorage` that
 * would notice it takes a tenth of a small fit's time: it slows every promise.
 */
export async function openPool(database: Database, size: number): Promise<ConnectionPool> {
  const free = [database];
  while (free.length < size) free.push(await database.connect());
  const waiting: ((database: Database) => void)[] = [];
  return {
    async run(work) {
      const mine = free.pop() ?? (await new Promise<Database>(resolve => waiting.push(resolve)));
      try {
        return await work(mine);
      } finally {
        const next = waiting.shift();
        if (next) next(mine);
        else free.push(mine);
      }
    },
  };
}
