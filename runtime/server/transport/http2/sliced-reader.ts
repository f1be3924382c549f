/**
 * Reads a socket in slices of time, so that a client with many small frames does not block other connections.
 */
import type { Socket } from "node:net";
import { giveBytes, takeBytes } from "../../../base/memory/buffer-pool.js";
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
  /** How many of them were taken. */
  #taken = 0;

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
    const rest = takeBytes(chunk.length - taken);
    chunk.copy(rest, 0, taken);
    this.#charge.force(rest.length);
    this.#rest = rest;
    waitForTurn(this.#goOn, false);
    return false;
  };

  readonly #resume = (): void => {
    this.#socket.resume();
  };

  readonly #goOn = (): void => {
    const rest = this.#rest!;
    const taken = this.#take(rest.subarray(this.#taken));
    this.#charge.subtract(taken);
    this.#taken += taken;
    if (this.#taken < rest.length) {
      waitForTurn(this.#goOn, false);
      return;
    }
    this.#rest = undefined;
    this.#taken = 0;
    giveBytes(rest);
    this.#socket.resume();
  };
}
