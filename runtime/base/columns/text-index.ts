/**
 * Distinct texts as UTF-8 → a function from texts to each one's index among them, -1 if it is not one of them. An open-addressing table of
 * integers beside the bytes takes a fraction of a Map's memory, outside the heap, and processes can share it.
 */
import { randomInt } from "node:crypto";
import type { MakeTable } from "../shared/shared-table.js";
import { int32s } from "./short-arrays.js";
import type { ValueIndex } from "./value-index.js";

/** Text i is `bytes[offsets[i]] … bytes[offsets[i + 1] - 1]`. */
export interface PackedTexts {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** The table begins with the seed of its hashes and a word that is not used. */
const HEAD = 2;
/** A slot is a hash, and 1 + the index of its text; 0 is free. */
const SLOT = 2;

/** At least a quarter of the slots is free, so a search ends. */
const slotsFor = (count: number): number => 1 << Math.max(3, 32 - Math.clz32(Math.ceil((count * 4) / 3)));

/**
 * Expected constant time a text.
 * @param texts without duplicates, well-formed UTF-8
 */
export function indexTexts(texts: PackedTexts, makeTable: MakeTable): ValueIndex {
  const mask = slotsFor(texts.offsets.length - 1) - 1;
  const table = makeTable("texts 1", HEAD + SLOT * (mask + 1), fresh => {
    // A secret, so that no file can contain texts that all collide.
    fresh[0] = randomInt(2 ** 32) | 0;
    fill(fresh, texts, mask);
  });
  return values => {
    const found = int32s(values.length);
    for (let i = 0; i < found.length; i++) found[i] = find(table, mask, texts, values[i] as string);
    return found;
  };
}

function fill(table: Int32Array, { offsets, bytes }: PackedTexts, mask: number): void {
  for (let i = 0; i + 1 < offsets.length; i++) {
    const hash = hashOf(bytes, offsets[i]!, offsets[i + 1]!, table[0]!);
    let at = HEAD + SLOT * (hash & mask);
    while (table[at + 1] !== 0) at = at + SLOT < table.length ? at + SLOT : HEAD;
    table[at] = hash;
    table[at + 1] = i + 1;
  }
}

function find(table: Int32Array, mask: number, texts: PackedTexts, text: string): number {
  let hash = table[0]!;
  let all = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    all |= code;
    hash = Math.imul(hash ^ code, PRIME);
  }
  if (all > 127) return findEncoded(table, mask, texts, text);
  hash = mixed(hash);
  for (let at = HEAD + SLOT * (hash & mask); table[at + 1] !== 0; at = at + SLOT < table.length ? at + SLOT : HEAD)
    if (table[at] === hash && isAscii(texts, table[at + 1]! - 1, text)) return table[at + 1]! - 1;
  return -1;
}

function isAscii({ offsets, bytes }: PackedTexts, place: number, text: string): boolean {
  const start = offsets[place]!;
  if (offsets[place + 1]! - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** It has no UTF-8: encoding it would find another text. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function findEncoded(table: Int32Array, mask: number, { offsets, bytes }: PackedTexts, text: string): number {
  if (LONE_SURROGATE.test(text)) return -1;
  const given = Buffer.from(text);
  const hash = hashOf(given, 0, given.length, table[0]!);
  for (let at = HEAD + SLOT * (hash & mask); table[at + 1] !== 0; at = at + SLOT < table.length ? at + SLOT : HEAD) {
    if (table[at] !== hash) continue;
    const place = table[at + 1]! - 1;
    if (given.compare(bytes, offsets[place], offsets[place + 1]) === 0) return place;
  }
  return -1;
}

const PRIME = 0x01000193;

/** FNV-1a, whose high bits are mixed into the low ones. */
function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, PRIME);
  return mixed(hash);
}

function mixed(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const g = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return g ^ (g >>> 16);
}
