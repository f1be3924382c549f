/**
 * One feature value as the feature server writes it in JSON → pushed into a sink, 64-bit integers exact.
 */
import { doubleJson, objectJson } from "../../../formats/feast/feast-json.js";
import { type FeastType, type FeastTypeRow, isStructured } from "../../../formats/feast/feast-type.js";
import type { ValueSink } from "../../../formats/feast/feast-value.js";
import { type Json, WholeDouble } from "../../wire/json/json.js";

type Row = FeastTypeRow & { readonly name: FeastType };

/**
 * @param bytes how this server says bytes
 * @returns the feature's type, or null for a null
 * @throws Error naming the value that was found
 */
export function pushJson(value: Json, type: Row, sink: ValueSink, bytes: "utf8" | "base64"): FeastType | null {
  // A null timestamp is numpy's NaT, the least int64.
  if (value === null || (type.name === "UNIX_TIMESTAMP" && value === -(2n ** 63n))) return null;
  if (!type.list) pushScalar(value, type, sink, bytes);
  else if (Array.isArray(value)) for (const item of value as readonly Json[]) pushScalar(item, type, sink, bytes);
  else throw new Error(`a list belongs there and the server answers ${describe(value)}`);
  return type.name;
}

function pushScalar(value: Json, type: Row, sink: ValueSink, bytes: "utf8" | "base64"): void {
  if (isStructured(type)) sink.string(jsonText(value));
  else if (type.item === "zoned") pushZoned(value, sink);
  else if (type.dtype === "string") pushText(value, type, sink, bytes);
  else if (type.dtype === "bool" && typeof value === "boolean") sink.number(Number(value));
  else pushNumber(value instanceof WholeDouble ? value.value : value, type.dtype.startsWith("float"), sink);
}

function pushText(value: Json, { item }: Row, sink: ValueSink, bytes: "utf8" | "base64"): void {
  if (typeof value !== "string") throw new Error(`text belongs there and the server answers ${describe(value)}`);
  if (item === 1) sink.bytes(Buffer.from(value, bytes));
  else sink.string(value);
}

/** By protobuf's rules these numbers are text. */
const IN_TEXT: ReadonlySet<Json> = new Set(["NaN", "Infinity", "-Infinity"]);

function pushNumber(value: Json, float: boolean, sink: ValueSink): void {
  if (typeof value === "bigint" && !float)
    sink.words(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  else if (typeof value === "number" || typeof value === "bigint" || (float && IN_TEXT.has(value)))
    sink.number(Number(value));
  else throw new Error(`a number belongs there and the server answers ${describe(value)}`);
}

/** The server says a moment with a zone in ISO 8601. */
function pushZoned(value: Json, sink: ValueSink): void {
  const seconds = typeof value === "string" ? Math.floor(Date.parse(value) / 1000) : Number.NaN;
  if (Number.isNaN(seconds)) throw new Error(`a moment belongs there and the server answers ${describe(value)}`);
  sink.number(seconds);
}

/** The text that the same map or nested list has where it is read from a store. */
function jsonText(value: Json): string {
  if (value instanceof Map) return objectJson([...value].map(([name, member]) => [name, jsonText(member)] as const));
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(jsonText).join(",")}]`;
  if (value instanceof WholeDouble) return doubleJson(value.value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : doubleJson(value);
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const describe = (value: Json): string =>
  Array.isArray(value) ? "a list" : value instanceof Map ? "an object" : `the ${typeof value} ${String(value)}`;
