/** Benchmarks of filtered searches: faiss-cpu beside them, the items of a condition, and recall. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * faiss-cpu, which makes indexes and queries in the folder.
 * @param flags `unit`: vectors of length 1, and a file of them
 */
export async function startFaiss(folder, count, ...flags) {
  const python = fileURLToPath(new URL("../../../.cache/test-venv/bin/python", import.meta.url));
  const script = fileURLToPath(new URL("../filtered_faiss.py", import.meta.url));
  const child = spawn(python, [script, folder, String(count), ...flags], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    /** @param text index and selectivity @returns ids and the median time of a query */
    async ask(text) {
      child.stdin.write(`${text}\n`);
      return JSON.parse((await lines.next()).value);
    },
    close: () => child.stdin.end(),
  };
}

/** As filtered_faiss.py has it: an item fulfills a condition if its hash is below a bound. Mixed, since even distances flatter a processor. */
export function hashOf(i) {
  const first = Math.imul(i + 1, 2654435761);
  const second = Math.imul(first ^ (first >>> 15), 0x2c1b3c6d);
  return (second ^ (second >>> 13)) >>> 0;
}

export function bitsOf(count, selectivity) {
  const bits = new Uint8Array(Math.ceil(count / 8));
  let set = 0;
  for (let i = 0; i < count; i++) {
    if (hashOf(i) >= selectivity * 2 ** 32) continue;
    bits[i >> 3] |= 1 << (i & 7);
    set++;
  }
  return { bits, count: set };
}

/** Bits of ids → bits of positions. */
export function byPosition(ids, bits) {
  const made = new Uint8Array(bits.length);
  ids.forEach((id, position) => {
    const i = Number(id);
    if ((bits[i >> 3] >> (i & 7)) & 1) made[position >> 3] |= 1 << (position & 7);
  });
  return made;
}

export function recall(found, exact) {
  let [hits, all] = [0, 0];
  exact.forEach((row, i) => {
    const seen = new Set(found[i]);
    all += row.length;
    hits += row.filter(id => seen.has(id)).length;
  });
  return hits / all;
}
