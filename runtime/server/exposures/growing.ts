/** Arrays that grow by appending, and give away what they hold. Hot paths append numbers only. */
import type { Texts } from "../../../formats/tables/parquet-page.js";
import type { Values } from "../../../triton-protos/datatype.js";
import { words } from "../../base/columns/words.js";

type Numbers = Exclude<Values, readonly string[]>;

/** A typed array that grows. */
export class Growing<A extends Numbers> {
  #values: A;
  #words: Int32Array | undefined;
  length = 0;

  constructor(private readonly make: (length: number) => A) {
    this.#values = make(64);
  }

  get bytes(): number {
    return this.length * this.#values.BYTES_PER_ELEMENT;
  }

  /** Makes room for more values. @returns the array; write from `length` on, and add to `length` */
  reserve(count: number): A {
    const needed = this.length + count;
    if (needed > this.#values.length) {
      const larger = this.make(Math.max(needed, 2 * this.#values.length));
      // The arrays are of one kind.
      (larger as Float64Array).set((this.#values as Float64Array).subarray(0, this.length));
      this.#values = larger;
      this.#words = undefined;
    }
    return this.#values;
  }

  /** Appends a value of 64 bits. @param from its array by `words` @param i its place among the values */
  pushWords(from: Int32Array, i: number): void {
    const values = this.reserve(1);
    this.#words ??= words(values as BigInt64Array);
    this.#words[2 * this.length] = from[2 * i]!;
    this.#words[2 * this.length + 1] = from[2 * i + 1]!;
    this.length++;
  }

  push(value: A[number]): void {
    this.reserve(1)[this.length++] = value as never;
  }

  /** Appends an arbitrary value, in the place of a null. */
  skip(): void {
    this.reserve(1);
    this.length++;
  }

  /** The values, in memory of their own; the array is empty then. */
  take(): A {
    const taken = this.#values.slice(0, this.length) as A;
    this.length = 0;
    // One large batch must not keep its memory.
    if (this.#values.length > KEPT) {
      this.#values = this.make(64);
      this.#words = undefined;
    }
    return taken;
  }
}

/** Values that an empty array keeps room for. */
const KEPT = 1 << 17;

/** UTF-8 texts that grow. */
export class GrowingTexts {
  /** No `Buffer`, whose `slice` shares memory. */
  readonly #bytes = new Growing(length => new Uint8Array(length));
  readonly #lengths = new Growing(length => new Int32Array(length));

  get bytes(): number {
    return this.#bytes.bytes + this.#lengths.bytes;
  }

  push(text: string): void {
    const most = text.length * 3;
    const size = most > LONG ? Buffer.byteLength(text) : most;
    const bytes = this.#bytes.reserve(size);
    const at = this.#bytes.length;
    let i = 0;
    // Ids are short and of ASCII: a call of native code costs more.
    for (; i < text.length && i < SHORT; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      bytes[at + i] = code;
    }
    const written = i === text.length ? i : Buffer.from(bytes.buffer, at, size).write(text, "utf8");
    this.#bytes.length += written;
    this.#lengths.push(written);
  }

  take(): Texts {
    return { bytes: this.#bytes.take(), lengths: this.#lengths.take() };
  }
}

const SHORT = 64;
const LONG = 1024;
