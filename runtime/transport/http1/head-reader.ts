/**
 * A connection's bytes → the heads of its requests. What can't become a head any more is refused before it is whole. A client's heads are mostly all the
 * same: one that is like the last one is not read again.
 */
import { refuse } from "./fault.js";
import type { Http1Limits } from "./limits.js";
import { type RequestHead, readHead } from "./request-head.js";

const [LF, CR] = [0x0a, 0x0d];
const EMPTY_LINE = Buffer.from("\r\n\r\n");
/** A longer head is not kept for comparison. */
const MOST_KEPT = 1024;
/** A control character but tab, or a line that ends in anything but CR LF. */
const NO_TEXT = /[^\t\r\n\x20-\x7e\x80-\xff]|\r[^\n]|(?<!\r)\n/;
const BEGIN = /^[A-Z-]{1,16}(?: |$)/;

export class HeadReader {
  readonly #limits: Http1Limits;
  #last: { readonly bytes: Buffer; readonly head: RequestHead } | undefined;
  /** Where `read` has come to. */
  end = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  /**
   * Reads the head that begins at a place, and sets `end` to what follows it; empty lines before it are passed over.
   * @returns undefined where it is not whole, with `end` at its begin
   * @throws BadRequest
   */
  read(bytes: Buffer, from: number): RequestHead | undefined {
    const last = this.#last;
    if (last && bytes.length - from >= last.bytes.length) {
      const end = from + last.bytes.length;
      if (last.bytes.compare(bytes, from, end) === 0) {
        this.end = end;
        return last.head;
      }
    }
    const { maxHeadSize, maxFields } = this.#limits;
    let at = from;
    while (bytes[at] === CR || bytes[at] === LF) at++;
    this.end = at;
    const close = bytes.indexOf(EMPTY_LINE, at);
    if ((close < 0 ? bytes.length : close) - at > maxHeadSize) refuse(`more than ${maxHeadSize} bytes of headers`);
    const text = bytes.toString("latin1", at, close < 0 ? bytes.length : close);
    if (NO_TEXT.test(text)) refuse("control characters, or a line that does not end in CR LF");
    if (close < 0) {
      if (text !== "" && !BEGIN.test(text)) refuse("this is no method of HTTP");
      return undefined;
    }
    const head = readHead(text, maxFields);
    this.end = close + EMPTY_LINE.length;
    if (this.end - at <= MOST_KEPT) this.#last = { bytes: Buffer.from(bytes.subarray(at, this.end)), head };
    return head;
  }
}
