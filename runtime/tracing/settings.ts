/**
 * The trace settings of the server and of single models, under Triton's names, with its refusals.
 */
import { RuntimeFault } from "../errors.js";

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

/** Setting → its text, or texts; `null` (and an empty list) takes a model's own setting back. */
export type GivenSettings = Readonly<Record<string, string | readonly string[] | null>>;

const LEVELS = ["OFF", "TIMESTAMPS", "TENSORS"];

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

const single = (name: string, value: string | readonly string[]): string => {
  if (typeof value === "string") return value;
  return value.length === 1 ? value[0]! : refuse(`expect only 1 value for '${name}'`);
};

/** @param least smallest value that makes sense */
function readNumber(name: string, value: string | readonly string[], least: number): number {
  const text = single(name, value);
  const number = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) refuse(`Unable to parse '${name}', got: ${text}`);
  if (number > 2 ** 32 - 1)
    refuse(`Unable to parse '${name}', value is out of range [ ${least}, 4294967295 ], got: ${text}`);
  return number < least ? refuse(`Unable to parse '${name}', got: ${text}`) : number;
}

export function readLevels(value: string | readonly string[]): readonly string[] {
  const given = typeof value === "string" ? [value] : value;
  for (const level of given) if (!LEVELS.includes(level)) refuse(`Unable to parse 'trace_level', got: ${level}`);
  const on = given.filter(level => level !== "OFF");
  return on.length > 0 && !given.includes("OFF") ? [...new Set(on)] : ["OFF"];
}

/** The settings that are given; `undefined` stands for one that is taken back. @throws RuntimeFault; nothing is changed then */
export function readSettings(given: GivenSettings): {
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
  for (const [name, value] of Object.entries(given))
    switch (name) {
      case "trace_level":
        take("level", value!, readLevels);
        break;
      case "trace_rate":
        take("rate", value!, text => readNumber(name, text, 0));
        break;
      case "trace_count":
        take("count", value!, text => readNumber(name, text, -1));
        break;
      case "log_frequency":
        take("logFrequency", value!, text => readNumber(name, text, 0));
        break;
      case "trace_file":
        refuse("trace file location can not be updated through network protocol");
        break;
      default:
    }
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
