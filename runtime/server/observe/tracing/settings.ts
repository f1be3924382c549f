/**
 * The trace settings of the server and of single models, under Triton's names, with its refusals.
 */
import { refuse, unsupported } from "../../../base/errors.js";

export type TraceMode = "triton" | "opentelemetry";

export interface TraceSettings {
  /** OFF, TIMESTAMPS, TENSORS. */
  readonly level: readonly string[];
  /** Every how many requests one is traced. */
  readonly rate: number;
  /** Traces that are left; -1 for any number. */
  readonly count: number;
  /** Traces after which the file is written; 0 for at the end. */
  readonly logFrequency: number;
}

export const USUAL_SETTINGS: TraceSettings = { level: ["OFF"], rate: 1000, count: -1, logFrequency: 0 };

/** Setting → its text, or texts. `null` (and an empty list) resets a model's own setting. */
export type GivenSettings = Readonly<Record<string, string | readonly string[] | null>>;

const LEVELS = ["OFF", "TIMESTAMPS", "TENSORS"];

const single = (name: string, value: string | readonly string[]): string => {
  if (typeof value === "string") return value;
  return value.length === 1 ? value[0]! : refuse(`expect only 1 value for '${name}'`);
};

/** An int, as C++'s `stoi` reads it: a number at the start is enough. @param range as the message has it */
function readInt(name: string, value: string | readonly string[], range: string): number {
  const text = single(name, value);
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)?.[1];
  if (digits === undefined) refuse(`Unable to parse '${name}', got: ${text}`);
  const number = Number(digits);
  return number < -(2 ** 31) || number > 2 ** 31 - 1
    ? refuse(`Unable to parse '${name}', value is out of range [ ${range} ], got: ${text}`)
    : number;
}

/** Triton keeps the int in an unsigned field: -1 is the greatest number. */
const readUnsigned = (name: string, value: string | readonly string[]): number =>
  readInt(name, value, "0, 4294967295") >>> 0;

/** @param gap before what was found, which Triton's HTTP leaves out */
function readCount(name: string, value: string | readonly string[], gap: string): number {
  const count = readInt(name, value, "-1, 2147483647");
  return count < -1
    ? refuse(`Unable to parse '${name}'. Expecting value >= -1, got:${gap}${single(name, value)}`)
    : count;
}

/** Those of the command line. */
export function readLevels(value: string | readonly string[]): readonly string[] {
  const given = typeof value === "string" ? [value] : value;
  for (const level of given) if (!LEVELS.includes(level)) refuse(`Unable to parse 'trace_level', got: ${level}`);
  const on = given.filter(level => level !== "OFF");
  return on.length > 0 && !given.includes("OFF") ? [...new Set(on)] : ["OFF"];
}

/** A client's levels: an unknown level is ignored, as in Triton. @returns nothing if no level is left */
function readGivenLevels(value: string | readonly string[]): readonly string[] | undefined {
  const given = typeof value === "string" ? [value] : value;
  if (given.includes("OFF") && given.length > 1) refuse("Expect only one trace level 'OFF' is specified");
  const known = LEVELS.filter(level => given.includes(level));
  return known.length > 0 ? known : undefined;
}

/** The given settings. `undefined` stands for a reset one. @throws RuntimeFault; nothing is changed then */
export function readSettings(
  given: GivenSettings,
  protocol: "http" | "grpc",
): {
  readonly [K in keyof TraceSettings]?: TraceSettings[K] | undefined;
} {
  const read: { -readonly [K in keyof TraceSettings]?: TraceSettings[K] | undefined } = {};
  const take = <K extends keyof TraceSettings>(
    key: K,
    value: GivenSettings[string],
    parse: (value: string | readonly string[]) => TraceSettings[K],
  ): void => {
    read[key] = value === null || value.length === 0 ? undefined : parse(value);
  };
  const { trace_file, trace_level, trace_rate, trace_count, log_frequency } = given;
  if (trace_file !== undefined) throw unsupported("trace file location can not be updated through network protocol");
  if (trace_level === null || trace_level?.length === 0) read.level = undefined;
  else if (trace_level !== undefined) {
    const level = readGivenLevels(trace_level);
    if (level) read.level = level;
  }
  if (trace_rate !== undefined) take("rate", trace_rate, text => readUnsigned("trace_rate", text));
  const gap = protocol === "grpc" ? " " : "";
  if (trace_count !== undefined) take("count", trace_count, text => readCount("trace_count", text, gap));
  if (log_frequency !== undefined) take("logFrequency", log_frequency, text => readUnsigned("log_frequency", text));
  return read;
}

/** The settings as clients see them. */
export const printSettings = (
  { level, rate, count, logFrequency }: TraceSettings,
  mode: TraceMode,
  file: string,
): Readonly<Record<string, string | readonly string[]>> => ({
  trace_level: level,
  trace_rate: String(rate),
  trace_count: String(count),
  ...(mode === "triton" && { log_frequency: String(logFrequency), trace_file: file }),
  trace_mode: mode,
});
