/** The content types in which the front ends of clouds say where JSON ends. */
import { describe, expect, test } from "vitest";
import type { RuntimeFault } from "#runtime/base/errors.js";
import { jsonLengthOf } from "#runtime/server/transport/http/binary-form.js";

const faultOf = (error: unknown): string => `${(error as RuntimeFault).code} ${(error as Error).message}`;

describe("the content type of a cloud's front end", () => {
  const mime = "application/vnd.x;json-header-size=" as const;
  const length = (type: string | undefined, received = 100) => {
    try {
      return jsonLengthOf({ mime, inAnswers: true }, type, received);
    } catch (error) {
      return faultOf(error);
    }
  };
  test.each<readonly [string | undefined, number | string | undefined]>([
    [undefined, undefined],
    ["application/json", undefined],
    [`${mime}0`, 0],
    [`${mime}100`, 100],
    [`${mime} +7x`, 7],
    [`${mime}x`, "INVALID_ARGUMENT Unable to parse inference header size, got: x"],
    [
      `${mime}2147483648`,
      "INVALID_ARGUMENT Unable to parse inference header size, value is out of range, got: 2147483648",
    ],
    [`${mime}2147483647`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: 2147483647"],
    [
      `${mime}-2147483649`,
      "INVALID_ARGUMENT Unable to parse inference header size, value is out of range, got: -2147483649",
    ],
    [`${mime}-2147483648`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: -2147483648"],
    [`${mime}101`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: 101"],
    [`${mime}-1`, "INVALID_ARGUMENT inference header size should be in range (0, 100), got: -1"],
    [`a ${mime}1`, `INVALID_ARGUMENT expect MIME type for binary data starts with '${mime}', got: a ${mime}1`],
  ])("%s", (type, expected) => {
    expect(length(type)).toBe(expected);
  });
});
