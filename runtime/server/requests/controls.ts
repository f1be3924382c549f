/**
 * Splits the parameters of a request: those that steer the server → `Controls`, the rest → the model's parameters.
 */
import { unsupported } from "../../base/errors.js";
import type { Parameter } from "../../base/tensor.js";

/** A request's options for the schedulers and the transports. */
export interface Controls {
  /** Which sequence the request belongs to; 0n or "" for none. */
  readonly correlationId: bigint | string;
  readonly start: boolean;
  readonly end: boolean;
  /** 0n for the model's default level. */
  readonly priority: bigint;
  /** Microseconds the request may wait in a queue; 0n for the model's default. */
  readonly timeout: bigint;
  /** Whether a decoupled model's last answer is sent when it is empty. */
  readonly emptyFinal: boolean;
}

export const NO_CONTROLS: Controls = {
  correlationId: 0n,
  start: false,
  end: false,
  priority: 0n,
  timeout: 0n,
  emptyFinal: false,
};

const MAX_CORRELATION_LENGTH = 128;

/** @throws RuntimeFault for a correlation id that is too long */
export function splitControls(parameters: ReadonlyMap<string, Parameter>): {
  readonly controls: Controls;
  readonly parameters: ReadonlyMap<string, Parameter>;
} {
  if (parameters.size === 0) return { controls: NO_CONTROLS, parameters };
  const controls: { -readonly [K in keyof Controls]: Controls[K] } = { ...NO_CONTROLS };
  const rest = new Map<string, Parameter>();
  for (const [key, value] of parameters) {
    if (key === "sequence_id") controls.correlationId = readCorrelationId(value);
    else if (key === "sequence_start") controls.start = value === true;
    else if (key === "sequence_end") controls.end = value === true;
    else if (key === "priority") controls.priority = asBigInt(value);
    else if (key === "timeout") controls.timeout = asBigInt(value);
    else if (key === "triton_enable_empty_final_response") controls.emptyFinal = value === true;
    else rest.set(key, value);
  }
  return { controls, parameters: rest };
}

function readCorrelationId(value: Parameter): bigint | string {
  if (typeof value !== "string") return asBigInt(value);
  if (value.length > MAX_CORRELATION_LENGTH)
    throw unsupported("string correlation ID cannot be longer than 128 characters");
  return value;
}

const asBigInt = (value: Parameter): bigint =>
  typeof value === "bigint" ? BigInt.asUintN(64, value) : typeof value === "number" ? BigInt(Math.trunc(value)) : 0n;
