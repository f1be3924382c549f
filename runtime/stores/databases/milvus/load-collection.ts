/** Loads a collection into the memory of Milvus, where searches read it. */
import { setTimeout as pause } from "node:timers/promises";
import type { MilvusClient } from "@zilliz/milvus2-sdk-node";
import { checked, MilvusRefusal } from "./milvus-client.js";

const PAUSE_MS = 100;

/**
 * Waits until the collection is loaded. The client's own `loadCollection` takes some refusals for success, and then waits without an end.
 * A load that the server forgets is repeated. milvus-lite forgets one if it opens a collection twice, for two of its first calls.
 *
 * @throws MilvusRefusal if the server refuses, or the collection is not loaded in time
 */
export async function loadCollection(
  client: Pick<MilvusClient, "loadCollectionAsync" | "getLoadState">,
  collection: string,
  timeoutMs: number,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  const names = { collection_name: collection };
  while (performance.now() < end) {
    checked(await client.loadCollectionAsync(names));
    let { state } = checked(await client.getLoadState(names));
    while (state === "LoadStateLoading" && performance.now() < end) {
      await pause(PAUSE_MS);
      ({ state } = checked(await client.getLoadState(names)));
    }
    if (state === "LoadStateLoaded") return;
    await pause(PAUSE_MS);
  }
  throw new MilvusRefusal(0, `collection \`${collection}\` is not loaded after ${timeoutMs / 1000} s`, true);
}
