/**
 * Writes a protobuf message from its end to its front, so that every length is known when it is written and nothing is copied twice.
 */

const FIRST_SIZE = 4096;

export class BackWriter {
  private buffer = Buffer.allocUnsafe(FIRST_SIZE);
  private at = FIRST_SIZE;

  /** Bytes written since `reset`. */
  get length(): number {
    return this.buffer.length - this.at;
  }

  reset(): void {
    // One large message is not a reason to keep its buffer forever.
    if (this.buffer.length > 2 ** 16) this.buffer = Buffer.allocUnsafe(FIRST_SIZE);
    this.at = this.buffer.length;
  }

  copyTo(target: Uint8Array, at: number): void {
    target.set(this.buffer.subarray(this.at), at);
  }

  private reserve(size: number): void {
    if (this.at >= size) return;
    const { length } = this;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, length + size));
    this.buffer.copy(larger, larger.length - length, this.at);
    this.buffer = larger;
    this.at = larger.length - length;
  }

  /** For at most 53 bits. */
  varint(value: number): void {
    this.reserve(10);
    if (value < 128) {
      this.buffer[--this.at] = value;
      return;
    }
    const size = varintSize(value);
    this.at -= size;
    putVarint(this.buffer, this.at, value);
  }

  int64(field: number, value: bigint): void {
    this.bare64(value);
    this.varint(field * 8);
  }

  /** A 64-bit varint without a tag. */
  bare64(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) {
      this.varint(value);
      return;
    }
    const bits = BigInt.asUintN(64, BigInt(value));
    if (bits <= BigInt(Number.MAX_SAFE_INTEGER)) this.varint(Number(bits));
    else {
      this.reserve(10);
      const groups: number[] = [];
      for (let rest = bits; ; rest >>= 7n) {
        groups.push(Number(rest & 127n) | (rest < 128n ? 0 : 128));
        if (rest < 128n) break;
      }
      for (const group of groups.reverse()) this.buffer[--this.at] = group;
    }
  }

  uint(field: number, value: number): void {
    this.varint(value);
    this.varint(field * 8);
  }

  double(field: number, value: number): void {
    this.reserve(8);
    this.at -= 8;
    this.buffer.writeDoubleLE(value, this.at);
    this.varint(field * 8 + 1);
  }

  /** Also when it is empty. */
  text(field: number, value: string): void {
    const before = this.length;
    this.characters(value);
    this.head(field, this.length - before);
  }

  bytes(field: number, value: Uint8Array): void {
    this.reserve(value.length);
    this.at -= value.length;
    this.buffer.set(value, this.at);
    this.head(field, value.length);
  }

  /** Tag and length of the field that has just been written. */
  head(field: number, length: number): void {
    this.varint(length);
    this.varint(field * 8 + 2);
  }

  /** `repeated int64`, packed; nothing for none. */
  shape(field: number, dims: readonly number[]): void {
    if (dims.length === 0) return;
    const before = this.length;
    for (let i = dims.length - 1; i >= 0; i--) this.bare64(dims[i]!);
    this.head(field, this.length - before);
  }

  /** Short ASCII text is written here: a call into the engine costs more than the loop. */
  private characters(value: string): void {
    const { length } = value;
    this.reserve(length * 3);
    if (length <= 48) {
      const start = this.at - length;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) break;
        this.buffer[start + i] = code;
      }
      if (i === length) {
        this.at = start;
        return;
      }
    }
    const size = Buffer.byteLength(value);
    this.at -= size;
    this.buffer.write(value, this.at, "utf8");
  }
}

export const varintSize = (value: number): number => {
  let size = 1;
  while (value >= 128) {
    value = Math.floor(value / 128);
    size++;
  }
  return size;
};

/** @returns the place after it */
export function putVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 128) {
    out[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  out[at++] = rest;
  return at;
}
