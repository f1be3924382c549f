/**
 * The Huffman code of HPACK (RFC 7541, appendix B), read four bits at a time.
 */
import { ConnectionFault } from "./errors.js";

/** Bits of each byte's code, and of the end mark. The codes follow from them: shorter ones first, equal ones in the order of the bytes. */
const LENGTHS =
  "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 30"
    .split(" ")
    .map(Number);
const END_MARK = 256;

/** A leaf holds its byte as -1 - byte; a node holds the indices of both children. */
type Tree = [number, number][];

function growTree(): Tree {
  const tree: Tree = [[0, 0]];
  // Codes have at most 30 bits.
  const order = LENGTHS.map((_, symbol) => symbol).sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
  let code = 0;
  let length = 0;
  for (const symbol of order) {
    code <<= LENGTHS[symbol]! - length;
    length = LENGTHS[symbol]!;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const side = (code >> bit) & 1;
      if (tree[node]![side] === 0) tree[node]![side] = tree.push([0, 0]) - 1;
      node = tree[node]![side]!;
    }
    tree[node]![code & 1] = -1 - symbol;
    code++;
  }
  return tree;
}

/** For a node and four bits: the node after them, 0xffff where they hold the end mark, and the byte that they complete, if any. */
const NEXT = new Uint16Array(256 * 16);
const EMITS = new Int16Array(256 * 16).fill(-1);
/** Nodes that the bits of a padding can lead to: at most seven ones from the root. */
const PADDING = new Set<number>([0]);
const REFUSED = 0xffff;

function fillTables(): void {
  const tree = growTree();
  for (let start = 0; start < tree.length; start++)
    for (let bits = 0; bits < 16; bits++) {
      let node = start;
      for (let bit = 3; bit >= 0 && node !== REFUSED; bit--) {
        const child = tree[node]![(bits >> bit) & 1]!;
        if (child >= 0) node = child;
        else if (child === -1 - END_MARK) node = REFUSED;
        else {
          EMITS[start * 16 + bits] = -1 - child;
          node = 0;
        }
      }
      NEXT[start * 16 + bits] = node;
    }
  for (let node = 0, ones = 0; ones < 7; ones++) {
    node = tree[node]![1];
    PADDING.add(node);
  }
}
let filled = false;

/** @throws ConnectionFault for an end mark within, and for a padding that is longer than seven bits or not of ones */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string {
  // By the first text, not by the start of a server.
  if (!filled) {
    fillTables();
    filled = true;
  }
  // The shortest code has five bits.
  const out = Buffer.allocUnsafe(Math.ceil(((end - start) * 8) / 5));
  let length = 0;
  let node = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    for (let half = 0; half < 2; half++) {
      const step = node * 16 + (half === 0 ? byte >> 4 : byte & 15);
      node = NEXT[step]!;
      if (node === REFUSED) throw new ConnectionFault("COMPRESSION_ERROR", "a Huffman text holds the end mark");
      if (EMITS[step]! >= 0) out[length++] = EMITS[step]!;
    }
  }
  if (!PADDING.has(node)) throw new ConnectionFault("COMPRESSION_ERROR", "a Huffman text ends with a wrong padding");
  return out.toString("latin1", 0, length);
}
