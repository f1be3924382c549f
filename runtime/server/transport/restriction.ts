/**
 * Parts of a protocol that only answer clients with a header: `API[,API]:KEY=VALUE` texts → a check that says which header is missing.
 */
import { timingSafeEqual } from "node:crypto";
import { invalid } from "../../base/errors.js";

/** The APIs that can be restricted, under Triton's names. */
export const RESTRICTABLE = [
  "health",
  "metadata",
  "inference",
  "shared-memory",
  "model-config",
  "model-repository",
  "statistics",
  "trace",
  "logging",
] as const;
export type Restrictable = (typeof RESTRICTABLE)[number];

/** @returns the name of the header that the request lacks; undefined when it may pass */
export type Restriction = (api: Restrictable, header: (name: string) => string | undefined) => string | undefined;

/** @param prefix the part of a header's name before the key */
export function createRestriction(texts: readonly string[], prefix = ""): Restriction {
  const rules = new Map<Restrictable, { readonly name: string; readonly value: Buffer }>();
  for (const text of texts) {
    const [, apis, key, value] = /^([^:]+):([^=]+)=(.*)$/s.exec(text) ?? [];
    if (apis === undefined || key === undefined || value === undefined)
      return refuse(text, "write API[,API]:KEY=VALUE");
    for (const api of apis.split(",")) {
      if (!isRestrictable(api)) return refuse(text, `'${api}' is not one of ${RESTRICTABLE.join(", ")}`);
      if (rules.has(api)) return refuse(text, `'${api}' is restricted twice`);
      rules.set(api, { name: `${prefix}${key}`, value: Buffer.from(value) });
    }
  }
  return (api, header) => {
    const rule = rules.get(api);
    if (!rule) return undefined;
    const given = Buffer.from(header(rule.name.toLowerCase()) ?? "");
    return given.length === rule.value.length && timingSafeEqual(given, rule.value) ? undefined : rule.name;
  };
}

export const isRestrictable = (text: string): text is Restrictable =>
  (RESTRICTABLE as readonly string[]).includes(text);

function refuse(text: string, what: string): never {
  throw invalid(`restriction '${maskRestriction(text)}': ${what}`);
}

/** The text without the header's value, which is a secret. */
export const maskRestriction = (text: string): string =>
  text.includes("=") ? text.replace(/=.*$/s, "=***") : text.replace(/:.*$/s, ":***");
