/**
 * The quick way through an array of numbers, which is what most of a large JSON request is: the engine's own parser, and what it cannot tell (1 from
 * 1.0) from a look at the bytes. Whatever is not plain goes the long way, which knows every fault's text and place.
 */

/** Shorter arrays gain nothing. */
const LEAST_BYTES = 64;
const [CLOSE, COMMA, DOT, SMALL_E, LARGE_E] = [0x5d, 0x2c, 0x2e, 0x65, 0x45];

export interface NumberArray {
  readonly values: number[];
  /** Which of them are whole but written as a floating-point number; none has any when it is left out. */
  readonly doubles?: readonly number[];
  /** The place of the closing bracket. */
  readonly end: number;
}

/** @param from the place after the opening bracket @returns undefined when the array has anything but plain numbers in it */
export function readNumbers(bytes: Buffer, from: number): NumberArray | undefined {
  /** For each element: 1 when it has a fraction or an exponent. */
  let flags: Uint8Array | undefined;
  let element = 0;
  let end = from;
  for (; bytes[end] !== CLOSE; end++) {
    const c = bytes[end];
    if (c === undefined) return undefined;
    if (c >= 0x30 && c <= 0x39) continue;
    if (c === COMMA) element++;
    else if (c === DOT || c === SMALL_E || c === LARGE_E) {
      if (!flags || element >= flags.length) flags = grown(flags, element);
      flags[element] = 1;
    } else if (c !== 0x2d && c !== 0x2b && c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return undefined;
  }
  if (end - from < LEAST_BYTES) return undefined;
  let values: number[];
  try {
    values = JSON.parse(`[${bytes.toString("latin1", from, end)}]`);
  } catch {
    return undefined;
  }
  const doubles: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) return undefined;
    if (Math.floor(value) !== value) continue;
    if (flags?.[i] === 1) doubles.push(i);
    else if (!Number.isSafeInteger(value)) return undefined;
    // An integer has no negative zero.
    else if (value === 0) values[i] = 0;
  }
  return { values, end, ...(doubles.length > 0 && { doubles }) };
}

function grown(flags: Uint8Array | undefined, element: number): Uint8Array {
  const larger = new Uint8Array(2 * Math.max(512, element));
  if (flags) larger.set(flags);
  return larger;
}
