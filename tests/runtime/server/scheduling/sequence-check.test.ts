/** Requests of sequences that are accepted, and Triton's words for those that are not. */
import { describe, expect, test } from "vitest";
import type { RuntimeFault } from "#runtime/base/errors.js";
import { checkSequenceRequest } from "#runtime/server/scheduling/sequence-check.js";
import { type Asked, configOf, requestOf } from "./support.js";

describe("a request of a sequence", () => {
  const CORRID = (data_type: string) => ({
    control_input: [
      { name: "START", control: [{ kind: "CONTROL_SEQUENCE_START" }] },
      { name: "ID", control: [{ kind: "CONTROL_SEQUENCE_CORRID", data_type }] },
    ] as never,
  });
  const SHARED = {
    control_input: [
      {
        name: "ID",
        control: [{ kind: "CONTROL_SEQUENCE_START" }, { kind: "CONTROL_SEQUENCE_CORRID", data_type: "TYPE_UINT64" }],
      },
    ] as never,
  };
  const check = (asked: Asked, known = true, sequence_batching: object = { direct: {} }) => {
    try {
      checkSequenceRequest(configOf({ sequence_batching }), requestOf("7", asked), known);
    } catch (error) {
      return `${(error as RuntimeFault).code} ${(error as RuntimeFault).message}`;
    }
    return undefined;
  };
  const of = (correlationId: bigint | string, more: object = {}) => ({ controls: { correlationId, ...more } });
  const ID = "must specify a non-zero or non-empty correlation ID";
  const TYPE = (given: string, expected: string) =>
    `INVALID_ARGUMENT [request id: 7] sequence batching control 'ID' data-type is '${given}', but model 'm' expects '${expected}'`;
  test.each<readonly [string, Asked, boolean, object | undefined, string | undefined]>([
    ["that is known may go on", of(1n), true, undefined, undefined],
    ["that is not known begins", of(1n, { start: true }), false, undefined, undefined],
    [
      "that is not known needs START",
      of(1n),
      false,
      undefined,
      "INVALID_ARGUMENT inference request for sequence 1 to model 'm' must specify the START flag on the first request of the sequence",
    ],
    ["needs an id", of(0n, { start: true }), false, undefined, `INVALID_ARGUMENT inference request to model 'm' ${ID}`],
    [
      "needs an id that is not empty",
      of("", { start: true }),
      false,
      undefined,
      `INVALID_ARGUMENT inference request to model 'm' ${ID}`,
    ],
    [
      "has one row",
      { ...of(1n), rows: 2 },
      true,
      undefined,
      "INVALID_ARGUMENT inference request to model 'm' must specify batch-size 1 due to requirements of sequence batcher",
    ],
    ["has an id of the model's type", of("a"), true, CORRID("TYPE_STRING"), undefined],
    ["has an integer of any width", of(1n), true, CORRID("TYPE_INT32"), undefined],
    ["has no text for a number", of("a"), true, CORRID("TYPE_UINT64"), TYPE("BYTES", "UINT64")],
    ["has no number for a text", of(1n), true, CORRID("TYPE_STRING"), TYPE("UINT64", "BYTES")],
    ["has an id of any type where the model names none", of("a"), true, CORRID("TYPE_INVALID"), undefined],
    ["has an id of the type of an input with two controls", of("a"), true, SHARED, TYPE("BYTES", "UINT64")],
  ])("%s", (_, asked, known, batching, expected) => {
    expect(check(asked, known, batching)).toBe(expected);
  });
});
