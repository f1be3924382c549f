/**
 * Reads members of parsed JSON with Triton's texts: "attempt to access JSON non-string as string".
 */
import { internal } from "../../../base/errors.js";
import type { Json, JsonObject } from "../../../wire/json/json.js";

/** A member that is not what it must be. `field` names it as Triton does. */
export function wrongKind(field: string, kind: string, wanted = kind, detail?: string): never {
  throw internal(
    `Unable to parse '${field}': attempt to access JSON non-${kind} as ${wanted}`,
    detail === undefined ? {} : { detail },
  );
}

export const isObject = (json: Json | undefined): json is JsonObject => json instanceof Map;

/** @throws RuntimeFault when there is no such member */
export function member(json: Json, field: string): Json {
  const found = isObject(json) ? json.get(field) : undefined;
  if (found === undefined)
    throw internal(`Unable to parse '${field}': attempt to access non-existing object member '${field}'`);
  return found;
}

export const asText = (json: Json, field: string): string =>
  typeof json === "string" ? json : wrongKind(field, "string");
export const asArray = (json: Json, field: string): readonly Json[] =>
  Array.isArray(json) ? json : wrongKind(field, "array");
export const asBoolean = (json: Json, field: string): boolean =>
  typeof json === "boolean" ? json : wrongKind(field, "boolean");

export function asUnsigned(json: Json, field: string): number | bigint {
  if (typeof json === "number" && Number.isInteger(json) && json >= 0) return json;
  return typeof json === "bigint" && json >= 0n ? json : wrongKind(field, "unsigned-integer");
}
