/**
 * A received HTTP response against a recorded one: header names without case. Bodies are exact text, but for the digits of floats, unless
 * a mask or a free order needs JSON.
 */
import { differences } from "./masks.js";
import type { HttpAnswer } from "./records.js";
import type { Received } from "./send-http.js";

/** A header of ours, which names the thing that Triton's text leaves out. */
const OWN = "merlon-detail";

const lower = (headers: Received["headers"]): Record<string, string> =>
  Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));

/** Headers to compare; the length only of bodies that have the same digits. */
function headersOf(headers: Received["headers"], isSameText: boolean): Record<string, string> {
  const { "content-length": length, [OWN]: _, ...others } = lower(headers);
  return isSameText && length !== undefined ? { ...others, "content-length": length } : others;
}

/** @param tidy replaces what depends on the machine in a text */
export function compareHttp(expected: HttpAnswer, got: Received | undefined, tidy: (text: string) => string): string[] {
  if (!got || expected.closed !== undefined)
    return got || expected.closed === undefined
      ? [
          `expected ${expected.closed ? "a closed connection" : expected.status}, got ${got?.status ?? "a closed connection"}`,
        ]
      : [];
  const isSameText = expected.body?.text === undefined || expected.body.text === got.body.toString("utf8");
  const head = [
    ...differences(expected.status, got.status, "status"),
    ...differences(headersOf(expected.headers ?? [], isSameText), headersOf(got.headers, isSameText), "headers"),
  ];
  const { body = {} } = expected;
  if (body.base64 !== undefined) return [...head, ...differences(body.base64, got.body.toString("base64"), "body")];
  if (body.header_text !== undefined) {
    const length = Number(lower(got.headers)["inference-header-content-length"] ?? got.body.length);
    return [
      ...head,
      ...differences(sameDigits(body.header_text), sameDigits(got.body.toString("utf8", 0, length)), "json"),
      ...differences(body.binary_base64 ?? "", got.body.subarray(length).toString("base64"), "binary"),
    ];
  }
  const text = tidy(got.body.toString("utf8"));
  const isMasked = /"<(ns|ms|number|length)>"/.test(JSON.stringify(body.json ?? null));
  if (body.json !== undefined && (body.key_order_free || isMasked || body.text === undefined))
    return [...head, ...differences(body.json, parse(text), "json")];
  return [...head, ...differences(sameDigits(tidy(body.text ?? "")), sameDigits(text), "text")];
}

/** A string, or a number. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** The text with each float outside of strings as JavaScript prints it: servers may print the same double with other digits. */
const sameDigits = (text: string): string =>
  text.replace(TOKEN, token => (/^[^"]*[.eE]/.test(token) ? `${Number(token)} as a float` : token));

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
