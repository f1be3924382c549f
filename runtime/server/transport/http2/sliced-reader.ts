/**
 * Reads a socket in slices of time, so that a client with many small frames does not block other connections.
 */
import type { Socket } from "node:net";
import type { Charge } from "../../../base/memory/memory-budget.js";
import { readInto } from "../read-into.js";
import { LONG_READ, waitForTurn } from "../read-turns.js";

/** @returns how many bytes were taken; fewer than there are at the end of a slice */
export type TakeSlice = (chunk: Buffer) => number;

export class SlicedReader {
  readonly #socket: Socket;
  readonly #take: TakeSlice;
  readonly #charge: Charge;
  /** Bytes that wait for their turn; the socket is not read meanwhile. */
  #rest: Buffer | undefined;

  /** @param charge of the bytes that wait for their turn */
  constructor(socket: Socket, take: TakeSlice, charge: Charge) {
    this.#socket = socket;
    this.#take = take;
    this.#charge = charge;
    readInto(socket, this.#read);
  }

  readonly #read = (chunk: Buffer): boolean => {
    const taken = this.#take(chunk);
    if (taken >= chunk.length) {
      if (chunk.length < LONG_READ) return true;
      waitForTurn(this.#resume, chunk.length === LONG_READ);
      return false;
    }
    // The chunk is the caller's.
    const rest = Buffer.from(chunk.subarray(taken));
    this.#charge.force(rest.length);
    this.#wait(rest);
    return false;
  };

  readonly #resume = (): void => {
    this.#socket.resume();
  };

  #wait(rest: Buffer): void {
    this.#rest = rest;
    waitForTurn(this.#goOn, false);
  }

  readonly #goOn = (): void => {
    const rest = this.#rest!;
    this.#rest = undefined;
    const taken = this.#take(rest);
    this.#charge.subtract(taken);
    if (taken < rest.length) this.#wait(rest.subarray(taken));
    else this.#socket.resume();
  };
}
