/**
 * Received data of a stream that waits. It is copied into blocks of the pool, each as long as all before it within bounds.
 */
import { giveBytes, takeBytes } from "../../../base/memory/buffer-pool.js";

const MOST = 2 ** 17;

interface Block {
  readonly bytes: Buffer;
  used: number;
}

export class HeldData {
  readonly #blocks: Block[] = [];
  /** Held bytes. */
  size = 0;

  add(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      let last = this.#blocks.at(-1);
      if (!last || last.used === last.bytes.length) {
        last = { bytes: takeBytes(Math.max(chunk.length - from, Math.min(MOST, this.size))), used: 0 };
        this.#blocks.push(last);
      }
      const copied = chunk.copy(last.bytes, last.used, from);
      last.used += copied;
      this.size += copied;
      from += copied;
    }
  }

  /** Removes the first block. @param pass gets its bytes, which are valid until it returns */
  shift(pass: (bytes: Buffer) => void): void {
    const { bytes, used } = this.#blocks.shift()!;
    this.size -= used;
    try {
      pass(bytes.subarray(0, used));
    } finally {
      giveBytes(bytes);
    }
  }

  /** Removes all. @returns how many bytes there were */
  clear(): number {
    const { size } = this;
    for (const { bytes } of this.#blocks.splice(0)) giveBytes(bytes);
    this.size = 0;
    return size;
  }
}
