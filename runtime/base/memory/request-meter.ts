/**
 * Counts what one request takes while it is unpacked and decoded, against its allowance and the server's budget, before it is allocated.
 */
import { invalid, RuntimeFault } from "../errors.js";
import type { Charge, MemoryBudget } from "./memory-budget.js";
import { FREE_BYTES, MAX_FIELDS } from "./request-allowance.js";

/** Smaller buffers are counted, but not charged: the charge for the message covers them. */
const CHARGED_FROM = 2 ** 14;

export class RequestMeter {
  readonly #budget: MemoryBudget | undefined;
  readonly #allowance: number;
  readonly #ratio: number;
  #left: number;
  #objects = 0;
  #fields = 0;
  #charge: Charge | undefined;

  /** @param budget none for messages that are not limited @param wire size of the request as it was sent */
  constructor(budget: MemoryBudget | undefined, wire: number) {
    this.#budget = budget;
    this.#allowance = budget ? budget.allowance(wire) : Number.POSITIVE_INFINITY;
    this.#ratio = budget ? budget.ratio : Number.POSITIVE_INFINITY;
    this.#left = this.#allowance;
  }

  /** Bytes that the request may still take. */
  get left(): number {
    return this.#left;
  }

  /** The account of the request's large buffers. */
  get charge(): Charge | undefined {
    this.#charge ??= this.#budget?.open();
    return this.#charge;
  }

  /**
   * Counts memory of objects. They may take this number of bytes per byte read, so that a message of only empty parts is refused at its
   * start.
   * @param read bytes of the message up to here
   * @throws RuntimeFault RESOURCE_EXHAUSTED
   */
  take(bytes: number, read: number): void {
    this.#objects += bytes;
    this.#left -= bytes;
    if (this.#left < 0 || this.#objects > FREE_BYTES + this.#ratio * read) throw this.exceeded();
  }

  /** Counts a field: each costs time, even one that says nothing. @throws RuntimeFault INVALID_ARGUMENT */
  field(): void {
    if (++this.#fields > MAX_FIELDS && this.#budget)
      throw invalid(`the request has more than ${MAX_FIELDS} fields; send its tensors as raw_input_contents`);
  }

  /** Counts a buffer that is charged already. @throws RuntimeFault RESOURCE_EXHAUSTED */
  count(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw this.exceeded();
  }

  /** Counts a buffer, and charges a large one. @throws RuntimeFault RESOURCE_EXHAUSTED */
  reserve(bytes: number): void {
    this.count(bytes);
    if (bytes >= CHARGED_FROM) this.charge?.add(bytes);
  }

  /** Returns what was charged; a second call returns nothing. */
  release(): void {
    this.#charge?.release();
  }

  exceeded(): RuntimeFault {
    return new RuntimeFault(
      "RESOURCE_EXHAUSTED",
      `the request takes more than the ${Math.floor(this.#allowance / 1024)} KiB that its size allows for decompressed data; send it uncompressed, split it, or raise --request-memory-ratio`,
    );
  }
}

/** For messages that are not limited, such as the responses that a client reads. */
export const UNMETERED = new RequestMeter(undefined, 0);
