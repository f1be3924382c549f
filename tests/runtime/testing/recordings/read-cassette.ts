/** A whole cassette, for tests of small ones. */
import { type Cassette, openCassette } from "#runtime/server/recordings/cassette.js";
import type { Exchange } from "#runtime/server/recordings/exchange.js";

export async function readCassette(
  file: string,
): Promise<Pick<Cassette, "models" | "broken"> & { readonly exchanges: readonly Exchange[] }> {
  const cassette = await openCassette(file);
  try {
    const exchanges: Exchange[] = [];
    for (const entry of cassette.entries) exchanges.push(await cassette.read(entry));
    return { models: cassette.models, broken: cassette.broken, exchanges };
  } finally {
    await cassette.close();
  }
}
