/**
 * A connection's bytes → the heads of its requests. Each byte is scanned once, in any number of reads, and bytes that cannot become a head
 * are refused before the head is whole. Most heads of a client are equal: one that equals the last one is not parsed again.
 */
import { refuse } from "./fault.js";
import type { Http1Limits } from "./limits.js";
import { type RequestHead, readHead } from "./request-head.js";

const [TAB, LF, CR, SPACE, DELETE] = [0x09, 0x0a, 0x0d, 0x20, 0x7f];
const EMPTY_LINE_SIZE = 4;
/** A longer head is not kept for comparison. */
const MOST_KEPT = 1024;
/** Bytes that hold the longest method and the blank after it. */
const LONGEST_METHOD = 17;
const BEGIN = /^[A-Z-]{1,16}(?: |$)/;

export class HeadReader {
  readonly #limits: Http1Limits;
  #last: { readonly bytes: Buffer; readonly head: RequestHead } | undefined;
  /** Bytes of a head that is not whole that were looked at, from its begin. */
  #scanned = 0;
  /** How many bytes of CR LF CR LF the last ones looked at are. */
  #matched = 0;
  /** The position of `read`. */
  end = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  /**
   * Reads the head that begins at a place, and sets `end` to what follows it; empty lines before it are passed over. After an incomplete
   * head, the next call gets the bytes from `end` again, with the new ones.
   * @returns undefined where it is not whole, with `end` at its begin
   * @throws BadRequest
   */
  read(bytes: Buffer, from: number): RequestHead | undefined {
    let at = from;
    if (this.#scanned === 0) {
      const last = this.#last;
      if (last && bytes.length - from >= last.bytes.length) {
        const end = from + last.bytes.length;
        if (last.bytes.compare(bytes, from, end) === 0) {
          this.end = end;
          return last.head;
        }
      }
      while (bytes[at] === CR || bytes[at] === LF) at++;
    }
    this.end = at;
    const { maxHeadSize, maxFields } = this.#limits;
    const next = this.#scan(bytes, at);
    if ((next < 0 ? bytes.length : next - EMPTY_LINE_SIZE) - at > maxHeadSize)
      refuse(`more than ${maxHeadSize} bytes of headers`);
    if (next < 0) return undefined;
    const head = readHead(bytes.toString("latin1", at, next - EMPTY_LINE_SIZE), maxFields);
    this.end = next;
    if (next - at <= MOST_KEPT) this.#last = { bytes: Buffer.from(bytes.subarray(at, next)), head };
    return head;
  }

  /**
   * Scans the new bytes.
   * @returns the position after the empty line that ends the head; -1 if it has not arrived
   * @throws BadRequest for control characters but tab, and for a line that ends in anything but CR LF
   */
  #scan(bytes: Buffer, start: number): number {
    const from = start + this.#scanned;
    const stop = Math.min(bytes.length, start + this.#limits.maxHeadSize + EMPTY_LINE_SIZE);
    let matched = this.#matched;
    for (let at = from; at < stop; at++) {
      const c = bytes[at]!;
      if (c === LF) {
        if ((matched & 1) === 0) refuse("a line that ends in LF alone");
        if (++matched === EMPTY_LINE_SIZE) {
          this.#scanned = 0;
          this.#matched = 0;
          return at + 1;
        }
      } else if (matched & 1) refuse("a CR without LF");
      else if (c === CR) matched++;
      else {
        if ((c < SPACE && c !== TAB) || c === DELETE) refuse("control characters");
        matched = 0;
      }
    }
    if (
      from - start < LONGEST_METHOD &&
      stop > start &&
      !BEGIN.test(bytes.toString("latin1", start, Math.min(stop, start + LONGEST_METHOD)))
    )
      refuse("this is not an HTTP method");
    this.#scanned = stop - start;
    this.#matched = matched;
    return -1;
  }
}
