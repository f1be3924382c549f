/**
 * Where bytes are put together that grow: bodies and answers.
 */
export interface Room {
  /** Room for so many bytes. */
  make(length: number): Buffer;
  /** Takes back room that has become too small. */
  outgrown(room: Buffer): void;
}

export const ANYWHERE: Room = { make: length => Buffer.allocUnsafe(length), outgrown() {} };
