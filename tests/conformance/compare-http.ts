/**
 * A received HTTP response against a recorded one: header names without case. Bodies are exact text unless a mask or a free order needs
 * JSON.
 */
import { differences } from "./masks.js";
import type { HttpAnswer } from "./records.js";
import type { Received } from "./send-http.js";

/** A header of ours, which names the thing that Triton's text leaves out. */
const OWN = "merlon-detail";

const lower = (headers: Received["headers"]): Record<string, string> =>
  Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));

const withoutOwn = ({ [OWN]: _, ...headers }: Record<string, string>): Record<string, string> => headers;

/** @param tidy replaces what depends on the machine in a text */
export function compareHttp(expected: HttpAnswer, got: Received | undefined, tidy: (text: string) => string): string[] {
  if (!got || expected.closed !== undefined)
    return got || expected.closed === undefined
      ? [
          `expected ${expected.closed ? "a closed connection" : expected.status}, got ${got?.status ?? "a closed connection"}`,
        ]
      : [];
  const head = [
    ...differences(expected.status, got.status, "status"),
    ...differences(lower(expected.headers ?? []), withoutOwn(lower(got.headers)), "headers"),
  ];
  const { body = {} } = expected;
  if (body.base64 !== undefined) return [...head, ...differences(body.base64, got.body.toString("base64"), "body")];
  if (body.header_text !== undefined) {
    const length = Number(lower(got.headers)["inference-header-content-length"] ?? got.body.length);
    return [
      ...head,
      ...differences(body.header_text, got.body.toString("utf8", 0, length), "json"),
      ...differences(body.binary_base64 ?? "", got.body.subarray(length).toString("base64"), "binary"),
    ];
  }
  const text = tidy(got.body.toString("utf8"));
  const isMasked = /"<(ns|ms|number|length)>"/.test(JSON.stringify(body.json ?? null));
  if (body.json !== undefined && (body.key_order_free || isMasked || body.text === undefined))
    return [...head, ...differences(body.json, parse(text), "json")];
  return [...head, ...differences(tidy(body.text ?? ""), text, "text")];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
