/** A database that is closed while its connections work: statements end with an error, and the process continues. */
import { expect, test } from "vitest";
import { openDatabase } from "#runtime/etl/database.js";
import { elapse } from "../../run/wait.js";

const LONG = "SELECT sum(a.range * b.range) FROM range(100000) a, range(100000) b";

test("closed under statements that begin, run and stream: each ends with an error, and none begins afterwards", async () => {
  for (let round = 0; round < 25; round++) {
    const database = await openDatabase({ threads: 2 });
    const others = [await database.connect(), await database.connect()];
    const asked = [database, ...others].flatMap(one => [
      one.run(LONG, "adding up"),
      one.connection.stream(LONG).then(result => result.fetchChunk()),
    ]);
    // At other moments of their lives each time.
    await elapse(round % 5);
    const ended = Promise.allSettled(asked);
    await database.close();
    for (const { status } of await ended) expect(status).toBe("rejected");
    for (const one of [database, ...others])
      await expect(one.rows("SELECT 1", "asking")).rejects.toThrow("asking failed: the database is closed.");
  }
});
