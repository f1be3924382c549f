/** Users for random ensembles: their requests, the form of a response, and choices that together cover every way. */
import fc from "fast-check";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { grouped, type Item, lists, plain, scalars, vectors } from "../../../operators/step.js";
import { bloomText, bloomWords } from "./bloom-text.js";
import type { Choice } from "./random-ensemble.js";
import { ALL_FACTS } from "./random-features.js";

export interface User {
  readonly id: number;
  readonly row: number;
  readonly visits: number;
  readonly query: readonly number[];
  readonly popular: readonly number[];
  readonly hidden: readonly number[];
  readonly licensed: readonly number[];
  readonly blocked: readonly number[];
  readonly regional: readonly number[];
  readonly town: string | null;
  readonly seen: readonly number[];
  readonly words: readonly string[];
}
const ids = (max: number) => fc.array(fc.integer({ min: 8, max: 52 }), { maxLength: max });
export const user: fc.Arbitrary<User> = fc.record({
  id: fc.integer({ min: 0, max: 3 }),
  row: fc.integer({ min: 0, max: 42 }),
  visits: fc.integer({ min: 0, max: 5 }),
  query: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
  popular: ids(12),
  hidden: ids(8),
  licensed: ids(30),
  blocked: ids(8),
  regional: ids(15),
  town: fc.constantFrom("Ghent", "", "Zürich", null),
  seen: ids(10),
  words: fc.array(fc.constantFrom("a", "b", "c", "", "ü"), { maxLength: 4 }),
});

export function requestColumns(users: readonly User[]): ReadonlyMap<string, Column> {
  const rows = rootRows(users.length);
  const of = <T>(pick: (user: User) => T): T[] => users.map(pick);
  const numbers = (pick: (user: User) => number): Column => scalars("int64", of(pick), rows);
  const ids = (pick: (user: User) => readonly Item[]): Column => lists("int64", of(pick), rows);
  const texts = (pick: (user: User) => string | null): Column => scalars("string", of(pick), rows);
  const queries = of(u => u.query);
  const words = of(u => u.words);
  return new Map<string, Column>([
    ["user_id", numbers(u => u.id)],
    ["user_row", numbers(u => u.row)],
    ["visits", numbers(u => u.visits)],
    ["query", vectors("float32", queries, 4, rows)],
    ["popular_ids", ids(u => u.popular)],
    ["hidden", ids(u => u.hidden)],
    ["licensed", ids(u => u.licensed)],
    ["blocked", ids(u => u.blocked)],
    ["regional", ids(u => u.regional)],
    ["town", texts(u => u.town)],
    ["seen", texts(u => bloomText(u.seen))],
    ["seen_words", ids(u => bloomWords(u.seen))],
    ["words", lists("string", words, rows)],
  ]);
}

/** Every column of an answer, by the request's rows. */
export function readable(columns: ReadonlyMap<string, Column>): readonly Readonly<Record<string, unknown>>[] {
  const read = [...columns].map(([name, col]) => [name, col.rows.parent ? grouped(col) : plain(col)] as const);
  return read[0]![1].map((_, i) => Object.fromEntries(read.map(([name, rows]) => [name, rows[i]])));
}

/** `found` with the numbers of `wanted` where they differ by rounding alone: a model may add in another order for a batch. */
export function rounded(found: unknown, wanted: unknown): unknown {
  if (typeof found === "number" && typeof wanted === "number")
    return Math.abs(found - wanted) <= 1e-4 * Math.max(1, Math.abs(wanted)) ? wanted : found;
  if (Array.isArray(found) && Array.isArray(wanted)) return found.map((item, i) => rounded(item, wanted[i]));
  if (found === null || wanted === null || typeof found !== "object" || typeof wanted !== "object") return found;
  const other = wanted as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.entries(found).map(([name, item]) => [name, rounded(item, other[name])]));
}

/** Every way of every stage once, whatever chance brings. */
export const BASE: Choice = {
  ...{
    retrieval: "faiss",
    first: "tower",
    second: "popular",
    method: "rrf",
    normalize: "minMax",
    topk: 20,
    exclude: false,
    deny: false,
    allow: false,
  },
  ...{
    bounded: false,
    within: false,
    seen: false,
    words: false,
    drop: true,
    filter: false,
    score: "lambda",
    scale: "none",
    boost: false,
    cached: false,
  },
  ...{ many: false, temperature: 3, seed: undefined, balance: 0.6, group: "level", max: 2, places: 1 },
  ...{ order: "topK", keep: 5, propensity: true, unknown: "null", facts: [], kept: false, lag: false },
};
export const EACH: Partial<Choice>[] = [
  { retrieval: "tower", deny: true, boost: true, order: "sample" },
  { retrieval: "implicit", exclude: true, seen: true, words: true, order: "limit", scale: "rank" },
  { retrieval: "popular", allow: true, filter: true, score: "forest", order: "greedy" },
  { retrieval: "fallback", score: "onnx", drop: false, order: "mmr", scale: "minMax" },
  { retrieval: "choose", cached: true, drop: false, order: "dpp", scale: "standard" },
  { deny: true, allow: true, many: true, boost: true, score: "own", scale: "minMax", order: "sample", seed: 4 },
  { retrieval: "popular", score: "own", order: "sample", temperature: 0, propensity: false },
  { retrieval: "popular", score: "own", order: "limit", group: "named", max: undefined, places: 3 },
  { retrieval: "fallback", first: "strict", second: "popular" },
  { retrieval: "choose", first: "strict", second: "popular" },
  { retrieval: "fallback", first: "choose", second: "strict", cached: true, facts: ["age", "workflow"] },
  { facts: ALL_FACTS, kept: true, drop: false, lag: true },
  { facts: ALL_FACTS, unknown: "default", cached: true, kept: true, score: "forest" },
  { retrieval: "merge", method: "roundRobin", first: "popular" },
  { retrieval: "merge", method: "rrf", first: "tower", bounded: true, deny: true },
  { retrieval: "merge", method: "weighted", bounded: true, topk: 5 },
  { retrieval: "merge", method: "weighted", normalize: "z", score: "own" },
  { retrieval: "merge", method: "max", normalize: "none" },
  { retrieval: "town" },
  { retrieval: "shadow", first: "popular", second: "tower" },
  { retrieval: "popular", score: "own", order: "explore", max: undefined },
  { retrieval: "merge", method: "rrf", first: "recent" },
  { retrieval: "merge", method: "rrf", first: "strict", within: true },
  { retrieval: "fallback", first: "merge", method: "roundRobin", second: "popular", within: true },
  { facts: ["raw"], unknown: "error" },
  { facts: ["raw", "home"], unknown: "null" },
];
