/**
 * A connection that may be closed at any time. Other threads use the binding's connection by a bare pointer. Closed during a statement, as
 * happens if one of several parallel ones fails, it crashes the process.
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
      // The reader of a stream's rows holds the connection's lock, which closing waits for in this thread.
      connection.interrupt();
      connection.closeSync();
    },
  };
}
