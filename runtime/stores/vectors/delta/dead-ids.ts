/** The vectors of a base that a delta's ids replace or delete: by the id that the base answers with, and by position. */
import type { DeltaContents, DeltaId } from "./delta-contents.js";

/** One state of a delta; later changes do not affect it. */
export interface DeadIds {
  /** How many ids at most. */
  readonly count: number;
  /** @param id as the base answers it */
  has(id: bigint): boolean;
  /** Clears the bits of positions that are dead. @returns the same bits if none is set */
  clear(bits: Uint8Array): Uint8Array;
}

export interface DeadOptions {
  /** Positions of an id; needed for `clear`, and for texts, which the base answers as positions. */
  readonly positionsOf: ((id: DeltaId) => readonly number[]) | undefined;
  /** The base answers positions, and texts are looked up by them. */
  readonly answersPositions: boolean;
}

/** @returns a function that takes each later state of one delta */
export function deadIds({ positionsOf, answersPositions }: DeadOptions): (contents: DeltaContents) => DeadIds {
  /** Dead positions in the order in which they died, and the order of each. */
  const positions: number[] = [];
  const orderOf = new Map<bigint, number>();
  let taken = 0;
  return ({ touched, placeOf }) => {
    if (positionsOf)
      for (; taken < touched.length; taken++)
        for (const position of positionsOf(touched[taken]!)) {
          if (answersPositions && !orderOf.has(BigInt(position))) orderOf.set(BigInt(position), positions.length);
          positions.push(position);
        }
    const [count, dead] = [touched.length, positions.length];
    return {
      count,
      has: answersPositions ? id => (orderOf.get(id) ?? dead) < dead : id => (placeOf.get(id) ?? count) < count,
      clear: bits => cleared(bits, positions, dead),
    };
  };
}

function cleared(bits: Uint8Array, positions: readonly number[], count: number): Uint8Array {
  let own: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const position = positions[i]!;
    const [at, bit] = [position >> 3, 1 << (position & 7)];
    if ((bits[at]! & bit) === 0) continue;
    own ??= copyOf(bits);
    own[at]! &= ~bit;
  }
  return own ?? bits;
}

/** With the bytes behind the last position, which whole words are read with. */
const copyOf = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.slice(byteOffset), 0, length);
