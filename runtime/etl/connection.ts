/**
 * A connection that may be closed at any time. DuckDB's binding works on it in other threads by a bare pointer: closed under a statement, as happens where one
 * of several side by side fails, it takes the process with it.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { DuckDBConnection } from "@duckdb/node-api";

export interface Connected {
  readonly connection: DuckDBConnection;
  /** Refuses further statements, interrupts those under way, and closes when they have ended. */
  close(): Promise<void>;
}

/** How often a statement of several parts is interrupted again, in milliseconds: each part begins uninterrupted. */
const AGAIN = 20;

/** Counts the statements under way: `run` and `stream`, through which the package's methods of several rows go too. Prepared ones are not made here. */
export function closable(connection: DuckDBConnection): Connected {
  const inFlight = new Set<Promise<unknown>>();
  let closed = false;
  const counted =
    <A extends unknown[], T>(work: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (closed) throw new Error("the database is closed");
      const promise = work.apply(connection, args);
      inFlight.add(promise);
      try {
        return await promise;
      } finally {
        inFlight.delete(promise);
      }
    };
  connection.run = counted(connection.run);
  connection.stream = counted(connection.stream);
  return {
    connection,
    async close() {
      if (closed) return;
      closed = true;
      while (inFlight.size > 0) {
        connection.interrupt();
        await Promise.race([Promise.allSettled(inFlight), delay(AGAIN)]);
      }
      // Whoever reads rows of a stream holds the connection's lock, which closing waits for in this thread.
      connection.interrupt();
      connection.closeSync();
    },
  };
}
