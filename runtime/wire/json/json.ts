/**
 * Parses JSON as Triton's front end does (RapidJSON): bytes → values that keep 64-bit integers and distinguish 1 from 1.0. Invalid JSON is
 * a fault with Triton's text and byte offset. NaN and Infinity are accepted. A reader can pause after any number of bytes.
 */
import { invalid } from "../../base/errors.js";
import { DataList, FRACTION, MAX_NESTING, NEGATIVE, tooDeep, WHOLE } from "./data-list.js";
import { COST, EVERYTHING, type Kept, membersOf } from "./json-kept.js";
import { JsonScanner, MINUS, QUOTE } from "./json-scanner.js";
import type { ListMemory } from "./list-memory.js";
import { wideValue } from "./wides.js";

/** A number written as a floating-point literal whose value happens to be whole. Other numbers are plain. */
export class WholeDouble {
  constructor(readonly value: number) {}
}

export type Json = null | boolean | string | number | bigint | WholeDouble | readonly Json[] | DataList | JsonObject;
/** The first of two equal keys wins. */
export type JsonObject = ReadonlyMap<string, Json>;

/** An object that names the keys that occur more than once. */
export class Members extends Map<string, Json> {
  readonly repeated = new Set<string>();
}

export interface ReadLimits {
  /** Bytes that values outside of `DataList`s may take. */
  readonly allowance?: number;
  /** The memory of `DataList`s. */
  readonly lists?: ListMemory;
}

/** Triton has no limit outside of `data`. */
const MAX_DEPTH = 1000;
const NO_ITEMS: readonly Json[] = [];
const NO_MEMBERS: JsonObject = new Map();
const FEW_ITEMS = 8;

/** The expected next token. */
const [VALUE, FIRST_ITEM, KEY, FIRST_KEY, COLON, AFTER, IN_KEY, IN_TEXT, END] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
/** The containers of a position. */
const [OBJECT, LIST, DATA, LEFT_OUT_OBJECT, LEFT_OUT_LIST] = [0, 1, 2, 3, 4] as const;

export class JsonReader extends JsonScanner {
  readonly #lists: ListMemory | undefined;
  #allowance: number;
  #next: number = VALUE;
  /** The container of the position; undefined for the document itself. */
  #top: Frame | undefined;
  #depth = 0;
  /** The destination of the next value; undefined if it is not kept. */
  #wanted: Kept | undefined;
  /** The list that elements go to, and how deep its outermost brackets lie. */
  #data: DataList | undefined;
  #dataDepth = 0;
  #root: Json = null;

  constructor(bytes: Buffer, kept: Kept, { allowance = Number.POSITIVE_INFINITY, lists }: ReadLimits = {}) {
    super(bytes);
    this.#wanted = kept;
    this.#lists = lists;
    this.#allowance = allowance;
    if (bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.at = 3;
  }

  get value(): Json {
    return this.#root;
  }

  /**
   * Reads on.
   * @param work bytes to read before it pauses
   * @returns whether the document is complete
   * @throws RuntimeFault
   */
  read(work = Number.POSITIVE_INFINITY): boolean {
    const { bytes } = this;
    const pause = this.at + work < bytes.length ? this.at + work : Number.POSITIVE_INFINITY;
    for (;;) {
      if (this.#next === IN_KEY || this.#next === IN_TEXT) {
        if (!this.#goOnInText(pause)) return this.#paused();
        continue;
      }
      let c = bytes[this.at];
      while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
        if (this.at >= pause) return this.#paused();
        c = bytes[++this.at];
      }
      if (this.at >= pause) return this.#paused();
      switch (this.#next) {
        case FIRST_ITEM:
          if (c === 0x5d) this.#close();
          else this.#value(c, pause);
          break;
        case VALUE:
          this.#value(c, pause);
          break;
        case FIRST_KEY:
        case KEY:
          if (c === 0x7d && this.#next === FIRST_KEY) this.#close();
          else {
            if (c !== QUOTE) this.fail("Missing a name for object member.");
            const { kind, kept } = this.#top!;
            this.beginText(kind === OBJECT, undefined, kept?.likely);
            this.#next = IN_KEY;
          }
          break;
        case COLON:
          if (c !== 0x3a) this.fail("Missing a colon after a name of object member.");
          this.at++;
          this.#next = VALUE;
          break;
        case AFTER:
          this.#after(c);
          break;
        default:
          if (this.at < bytes.length) this.fail("The document root must not be followed by other values.");
          return true;
      }
    }
  }

  #paused(): false {
    this.#data?.pause();
    return false;
  }

  #spend(cost: number): void {
    this.#allowance -= cost;
    if (this.#allowance < 0)
      throw invalid(
        `the request JSON holds too many lists, objects or members for its ${this.bytes.length} bytes; put tensors into one 'data' list, or send binary data`,
      );
  }

  #value(c: number | undefined, pause: number): void {
    const depth = this.#depth;
    if (depth === 0 && this.#isEmpty()) this.fail("The document is empty.");
    const top = this.#top?.kind;
    if (depth > MAX_DEPTH) throw tooDeep(top === DATA ? MAX_NESTING : MAX_DEPTH);
    if (top === DATA && depth === this.#dataDepth) this.#data!.items++;
    if (c === MINUS || (c !== undefined && c >= 0x30 && c <= 0x39)) {
      if (top === DATA) this.#numbers(pause);
      else if (top === LEFT_OUT_LIST) this.#skipNumbers(pause);
      else this.#deliver(this.#number());
    } else if (c === QUOTE) {
      if (top === DATA) this.#data!.text();
      if (top === DATA) this.beginText(false, this.#data);
      else this.beginText(this.#wanted !== undefined, undefined, this.#wanted?.likely);
      this.#next = IN_TEXT;
    } else if (c === 0x7b) this.#openObject();
    else if (c === 0x5b) this.#openList();
    else {
      const word = this.word(1);
      if (top !== DATA) this.#deliver(word);
      else {
        if (typeof word === "boolean") this.#data!.boolean(word);
        else if (word === null) this.#data!.other();
        else this.#data!.number(word, FRACTION);
        this.#next = AFTER;
      }
    }
  }

  #isEmpty(): boolean {
    const { bytes, at } = this;
    return at >= bytes.length || (bytes.length === 1 && (bytes[at] === 0x7d || bytes[at] === 0x5d));
  }

  /** Elements of a tensor, as many as follow one another. */
  #numbers(pause: number): void {
    const { bytes } = this;
    const data = this.#data!;
    const isOutermost = this.#depth === this.#dataDepth;
    for (;;) {
      const value = this.number();
      if (this.isWide) data.wide(this.upper, this.lower, value < 0);
      else data.number(value, this.isFraction ? FRACTION : value < 0 ? WHOLE | NEGATIVE : WHOLE);
      if (bytes[this.at] !== 0x2c || this.at >= pause) break;
      const c = bytes[this.at + 1];
      if (c === undefined || ((c < 0x30 || c > 0x39) && c !== MINUS)) break;
      this.at++;
      if (isOutermost) data.items++;
    }
    this.#next = AFTER;
  }

  /** Numbers of a list that is left out, as many as follow one another. */
  #skipNumbers(pause: number): void {
    const { bytes } = this;
    for (;;) {
      this.number();
      if (bytes[this.at] !== 0x2c || this.at >= pause) break;
      const c = bytes[this.at + 1];
      if (c === undefined || ((c < 0x30 || c > 0x39) && c !== MINUS)) break;
      this.at++;
    }
    this.#next = AFTER;
  }

  #number(): Json {
    const value = this.number();
    if (this.isWide) return wideValue(this.upper, this.lower, value < 0);
    return this.isFraction && Number.isInteger(value) ? new WholeDouble(value) : value;
  }

  #openObject(): void {
    const wanted = this.#wanted;
    const isKept = this.#top?.kind !== DATA && wanted !== undefined && (wanted.members ?? wanted.others) !== undefined;
    if (isKept) this.#spend(COST.object);
    const members = isKept ? (wanted.notesRepeats ? new Members() : new Map<string, Json>()) : undefined;
    this.#open(isKept ? OBJECT : LEFT_OUT_OBJECT, isKept ? wanted : undefined, members);
    this.#next = FIRST_KEY;
  }

  #openList(): void {
    const wanted = this.#wanted;
    if (this.#top?.kind === DATA) {
      const depth = this.#depth - this.#dataDepth + 2;
      if (depth > this.#data!.depth) this.#data!.depth = depth;
      this.#open(DATA, undefined, undefined);
    } else if (wanted?.isData) {
      this.#spend(COST.data);
      this.#data = new DataList(this.#lists);
      this.#open(DATA, undefined, undefined);
      this.#dataDepth = this.#depth;
    } else {
      const isKept = wanted?.items !== undefined;
      if (isKept) this.#spend(COST.list);
      this.#open(isKept ? LIST : LEFT_OUT_LIST, isKept ? wanted : undefined, undefined);
    }
    this.#next = FIRST_ITEM;
  }

  #open(kind: number, kept: Kept | undefined, container: Map<string, Json> | Json[] | undefined): void {
    const frame = this.#top?.inner ?? new Frame(this.#top);
    frame.kind = kind;
    frame.kept = kept;
    frame.container = container;
    this.#top = frame;
    this.#depth++;
    this.#wanted = kind === LIST ? kept!.items : undefined;
    this.at++;
  }

  /** The container of the position ends here. */
  #close(): void {
    this.at++;
    const { kind, container, outer } = this.#top!;
    this.#top!.container = undefined;
    this.#top = outer;
    this.#depth--;
    if (kind === DATA) {
      if (this.#depth >= this.#dataDepth) {
        this.#next = AFTER;
        return;
      }
      const data = this.#data!;
      data.close();
      this.#data = undefined;
      this.#deliver(data);
    } else if (outer?.kind === DATA) {
      this.#data!.other();
      this.#next = AFTER;
    } else if (kind === LIST || kind === LEFT_OUT_LIST)
      this.#deliver(container ? exact(container as Json[]) : NO_ITEMS);
    else this.#deliver(container ?? NO_MEMBERS);
  }

  #after(c: number | undefined): void {
    const { kind, kept } = this.#top!;
    const isObject = kind === OBJECT || kind === LEFT_OUT_OBJECT;
    if (c === (isObject ? 0x7d : 0x5d)) {
      this.#close();
      return;
    }
    if (c !== 0x2c)
      this.fail(
        isObject ? "Missing a comma or '}' after an object member." : "Missing a comma or ] after an array element.",
      );
    this.at++;
    this.#next = isObject ? KEY : VALUE;
    this.#wanted = kind === LIST ? kept!.items : undefined;
  }

  /** A value is complete, and is kept where something is to be kept in its place. */
  #deliver(value: Json): void {
    const frame = this.#top;
    this.#next = AFTER;
    if (!frame) {
      this.#root = value;
      this.#next = END;
    } else if (frame.kind === LIST) {
      this.#spend(COST.item);
      const items = frame.container as Json[] | undefined;
      if (!items) frame.container = [value];
      else if (items.length === frame.kept!.mostItems) this.#refuseItems(frame);
      else items.push(value);
    } else if (frame.kind === OBJECT && frame.isWanted) (frame.container as Map<string, Json>).set(frame.key, value);
  }

  #refuseItems({ kept, outer }: Frame): never {
    throw invalid(`'${outer?.key}' in the request JSON has more than ${kept!.mostItems} items`);
  }

  #goOnInText(pause: number): boolean {
    if (!this.readText(pause)) return false;
    const frame = this.#top;
    if (this.#next === IN_KEY) {
      this.#next = COLON;
      if (frame!.kind === OBJECT) this.#named(frame!, this.text);
    } else if (frame?.kind === DATA) this.#next = AFTER;
    else this.#deliver(this.text);
    return true;
  }

  /** The name of the next member. */
  #named(frame: Frame, key: string): void {
    const kept = frame.kept!;
    const named = kept.members?.get(key);
    const isRepeated = (frame.container as Map<string, Json>).has(key);
    if (isRepeated && frame.container instanceof Members) frame.container.repeated.add(key);
    this.#wanted = isRepeated ? undefined : (named ?? kept.others);
    frame.isWanted = this.#wanted !== undefined;
    frame.key = key;
    if (this.#wanted) this.#spend(named ? COST.member : COST.parameter);
  }
}

/** A short list without room for more: a list that grows has room for sixteen. */
const exact = (items: Json[]): Json[] => (items.length > 1 && items.length <= FEW_ITEMS ? items.slice() : items);

/** A container that has begun. */
class Frame {
  kind = OBJECT as number;
  kept: Kept | undefined;
  container: Map<string, Json> | Json[] | undefined;
  /** For kept objects: the name of the next member, and whether it is kept. */
  key = "";
  isWanted = false;
  inner: Frame | undefined;

  constructor(readonly outer: Frame | undefined) {
    // A frame for each depth is made once.
    if (outer) outer.inner = this;
  }
}

/**
 * An object of each class lives on. V8 discards the shape of a class with its last object, and the code that was optimized for it.
 * Without these objects, a collection between two requests makes the reader several times slower.
 */
export const keptShapes: readonly object[] = (() => {
  const kept = membersOf({ numbers: { isData: true }, strings: { isData: true }, list: { items: EVERYTHING } });
  const reader = new JsonReader(Buffer.from('{"numbers":[1,-1.5],"strings":["a"],"list":[{"b":[1,"c"]}]}'), kept);
  reader.read();
  return [reader];
})();

/** @throws RuntimeFault */
export function parseJson(bytes: Buffer, kept: Kept = EVERYTHING): Json {
  const reader = new JsonReader(bytes, kept);
  reader.read();
  return reader.value;
}
