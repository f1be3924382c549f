/**
 * Protobuf's rules: messages that Google's parser refuses are refused, and others are read the same. The expected values are from
 * `tests/oracles/protobuf`.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { RequestMeter } from "#runtime/base/memory/request-meter.js";
import { decodeMessage } from "#runtime/server/transport/grpc/decode-message.js";
import type { Contents } from "#runtime/wire/grpc/contents.js";
import { decodeRequest, type WireParameters } from "#runtime/wire/grpc/decode-request.js";

interface Case {
  readonly type: string;
  /** In base64. */
  readonly bytes: string;
  /** Null if it is not such a message. */
  readonly says: unknown;
}

const cases = String(gunzipSync(readFileSync(new URL("../fixtures/protobuf/wire.jsonl.gz", import.meta.url))))
  .trim()
  .split("\n")
  .map(line => JSON.parse(line) as Case);

const meterOf = (bytes: Buffer): RequestMeter => new RequestMeter(new MemoryBudget(), bytes.length);
const NAMES = "bool int int64 uint uint64 fp32 fp64 bytes".split(" ").map(name => `${name}_contents`);

function says(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    // A fault of any other kind is a fault of the reader.
    if (!(error instanceof RuntimeFault)) throw error;
    expect([error.code, error.message]).toEqual(["INTERNAL", "Unable to parse request"]);
    return null;
  }
}

function infer(bytes: Buffer): unknown {
  const wire = decodeRequest(bytes, meterOf(bytes));
  return {
    model: wire.model,
    version: wire.version,
    id: wire.id,
    parameters: parameters(wire.parameters),
    inputs: wire.inputs.map(({ name, datatype, shape, parameters: given, contents }) => ({
      name,
      datatype,
      shape,
      parameters: parameters(given),
      contents: contents ? fields(contents) : null,
    })),
    outputs: wire.outputs.map(({ name, parameters: given }) => ({ name, parameters: parameters(given) })),
    raw: wire.raw.map(raw => raw.toString("base64")),
  };
}

const fields = (contents: Contents): unknown =>
  Object.fromEntries([...contents.raw()].map(([number, raw]) => [NAMES[number - 1], raw.toString("base64")]));

function parameters(wire: WireParameters): unknown {
  return Object.fromEntries(
    [...wire].map(([key, { kind, value }]) => {
      if (kind === "none") return [key, [null, "None"]];
      if (kind === "bool") return [key, [kind, value ? "True" : "False"]];
      if (kind !== "double") return [key, [kind, String(value)]];
      const bits = Buffer.alloc(8);
      bits.writeDoubleLE(value as number);
      return [key, [kind, bits.toString("hex")]];
    }),
  );
}

/** Shapes are numbers here, which may have lost digits that the text has. */
function withNumbers(expected: unknown): unknown {
  const said = expected as { readonly inputs: readonly { readonly shape: readonly string[] }[] } | null;
  return said && { ...said, inputs: said.inputs.map(input => ({ ...input, shape: input.shape.map(Number) })) };
}

test("the generator found both kinds of bytes", () => {
  const refused = cases.filter(({ says }) => says === null).length;
  expect(refused).toBeGreaterThan(300);
  expect(cases.length - refused).toBeGreaterThan(900);
});

test("ModelInferRequest is read as protobuf reads it", () => {
  for (const { type, bytes, says: expected } of cases) {
    if (type !== "ModelInferRequest") continue;
    const given = Buffer.from(bytes, "base64");
    expect(
      says(() => infer(given)),
      bytes,
    ).toEqual(withNumbers(expected));
  }
});

test.each(["TraceSettingRequest", "RepositoryModelLoadRequest", "SystemSharedMemoryRegisterRequest"] as const)(
  "%s is read as protobuf reads it",
  name => {
    for (const { type, bytes, says: expected } of cases) {
      if (type !== name) continue;
      const given = Buffer.from(bytes, "base64");
      expect(
        says(() => normal(decodeMessage(`inference.${name}`, given, meterOf(given)))),
        bytes,
      ).toEqual(name === "SystemSharedMemoryRegisterRequest" ? withOffsets(expected) : expected);
    }
  },
);

/** In the form of the generator. */
function normal(message: object): unknown {
  const given = message as Record<string, unknown>;
  if ("settings" in given)
    return {
      ...given,
      settings: Object.fromEntries(
        Object.entries(given.settings as Record<string, { value: string[] }>).map(([key, { value }]) => [key, value]),
      ),
    };
  if (!("parameters" in given)) return given;
  const entries = Object.entries(given.parameters as Record<string, Record<string, unknown>>);
  return {
    ...given,
    parameters: Object.fromEntries(
      entries.map(([key, value]) => {
        const [set] = Object.entries(value);
        if (!set) return [key, [null, "None"]];
        const [kind, said] = set;
        if (kind === "bytes_param") return [key, [kind, Buffer.from(said as Uint8Array).toString("base64")]];
        return [key, [kind, kind === "bool_param" ? (said ? "True" : "False") : String(said)]];
      }),
    ),
  };
}

const withOffsets = (expected: unknown): unknown => {
  const said = expected as { readonly offset: string; readonly byte_size: string } | null;
  return said && { ...said, offset: Number(said.offset), byte_size: Number(said.byte_size) };
};
