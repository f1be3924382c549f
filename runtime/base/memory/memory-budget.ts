/**
 * The memory of a whole server: every part that holds bytes for a client charges them here before it allocates them.
 */
import { RuntimeFault } from "../errors.js";
import { DEFAULT_RATIO, requestAllowance } from "./request-allowance.js";
import { residentBytes } from "./resident.js";

/** The share of the limit from which new work is refused. */
const REFUSE_FROM = 0.9;
/** While the process itself is above that share, requests may hold this share of the limit, so that large models cannot lock everyone out. */
const FLOOR = 0.02;
/** Resident memory is read again after this number of milliseconds, or once this share of the limit has been charged. */
const SAMPLE_MS = 100;
const SAMPLE_SHARE = 1 / 64;

export interface BudgetOptions {
  /** Resident bytes of the process. */
  readonly resident?: () => number;
  /** Called when resident memory is above the limit's share, at most once in a tenth of a second. */
  readonly onPressure?: () => void;
  /** Bytes of memory that a request may take for each byte of its body on the wire. */
  readonly ratio?: number;
}

export class MemoryBudget {
  readonly limit: number;
  /** Bytes that a request may take for each byte of its body on the wire. */
  readonly ratio: number;
  readonly #resident: () => number;
  readonly #onPressure: () => void;
  #charged = 0;
  #sampled = Number.NEGATIVE_INFINITY;
  /** Bytes that were charged since. */
  #since = 0;
  #pressed = Number.NEGATIVE_INFINITY;
  #isAbove = false;
  readonly #whenSpent = new Set<() => void>();

  /** @param limit bytes; `Infinity` for none */
  constructor(limit = Number.POSITIVE_INFINITY, { resident, onPressure, ratio }: BudgetOptions = {}) {
    this.limit = limit;
    this.ratio = ratio ?? DEFAULT_RATIO;
    this.#resident = resident ?? residentBytes;
    this.#onPressure = onPressure ?? (() => {});
  }

  /** Bytes that are charged now. */
  get charged(): number {
    return this.#charged;
  }

  /** True if `bytes` more would be refused. */
  wouldRefuse(bytes: number): boolean {
    if (!this.#isOver(this.#charged + bytes)) return false;
    for (const act of this.#whenSpent) act();
    return true;
  }

  /** True while new work is refused. */
  get isSpent(): boolean {
    return this.#isOver(this.#charged);
  }

  #isOver(charged: number): boolean {
    if (charged > this.limit * REFUSE_FROM) return true;
    return charged > this.limit * FLOOR && this.#residentIsAbove();
  }

  /** Calls back whenever work is refused. @returns ends that */
  whenSpent(act: () => void): () => void {
    this.#whenSpent.add(act);
    return () => this.#whenSpent.delete(act);
  }

  /** Bytes that a request may take when its body is unpacked and decoded. @param wire size of the body as it was sent */
  allowance(wire: number): number {
    return requestAllowance(wire, this.ratio);
  }

  /** An account of one owner: a request, a connection, a cache. */
  open(): Charge {
    return new Charge(this);
  }

  /** @internal */
  add(bytes: number): void {
    if (bytes > 0 && this.wouldRefuse(bytes)) throw memoryExhausted(this.limit);
    this.force(bytes);
  }

  /** @internal Charges what is already allocated, and refuses nothing. */
  force(bytes: number): void {
    this.#charged += bytes;
    if (bytes > 0) this.#since += bytes;
  }

  #residentIsAbove(): boolean {
    const now = performance.now();
    if (now - this.#sampled < SAMPLE_MS && this.#since < this.limit * SAMPLE_SHARE) return this.#isAbove;
    this.#sampled = now;
    this.#since = 0;
    this.#isAbove = this.#resident() > this.limit * REFUSE_FROM;
    if (this.#isAbove && now - this.#pressed >= SAMPLE_MS) {
      this.#pressed = now;
      this.#onPressure();
    }
    return this.#isAbove;
  }
}

/** The bytes of one owner. */
export class Charge {
  readonly #budget: MemoryBudget;
  #bytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws RuntimeFault RESOURCE_EXHAUSTED; nothing is charged then */
  add(bytes: number): void {
    this.#budget.add(bytes);
    this.#bytes += bytes;
  }

  /** Charges bytes that exist already, such as an encoded response: never refused. */
  force(bytes: number): void {
    this.#budget.force(bytes);
    this.#bytes += bytes;
  }

  /** Returns a part. */
  subtract(bytes: number): void {
    const part = Math.min(bytes, this.#bytes);
    this.#bytes -= part;
    this.#budget.force(-part);
  }

  /** Returns everything; a second call returns nothing. */
  release(): void {
    this.subtract(this.#bytes);
  }
}

/** A budget without a limit, for servers that were given none. */
export const unlimitedMemory = (): MemoryBudget => new MemoryBudget();

const MIB = 2 ** 20;

export const memoryExhausted = (limit: number): RuntimeFault =>
  new RuntimeFault(
    "RESOURCE_EXHAUSTED",
    `the server's memory limit of ${Math.round(limit / MIB)} MiB is reached; retry later, or raise --memory-limit`,
  );
