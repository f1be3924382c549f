/**
 * The values of flags as Triton reads them: text → boolean, number, pair; what it refuses throws its text.
 */
import { isTopicAddress, readTopicAddress } from "../../runtime/server/exposures/kafka/topic-address.js";
import { GPU_CHOICES, type GpuChoice } from "../../runtime/server/models/gpus.js";
import { isRestrictable, maskRestriction } from "../../runtime/server/transport/restriction.js";
export function readBoolean(text: string): boolean {
  if (/^(true|1|on)$/i.test(text)) return true;
  if (/^(false|0|off)$/i.test(text)) return false;
  throw new Error(`invalid value for bool option: ${text}`);
}

/** Like C++'s `stoi`: leading blanks and a sign are taken, what follows the digits is ignored. */
export function readInteger(text: string): number {
  const digits = /^\s*[+-]?\d+/.exec(text);
  if (!digits) throw new Error(`Invalid option value. Got ${text}`);
  const value = Number(digits[0]);
  if (value > 2 ** 31 - 1 || value < -(2 ** 31)) throw new Error(`Provided option value is out of bound. Got ${text}`);
  return value;
}

/** A port; 0 takes a free one. Any other number would be in the log, and open nothing. */
export function readPort(text: string): number {
  const port = readInteger(text);
  if (!/^\s*\d+\s*$/.test(text) || port > 65_535)
    throw new Error(`A port is a whole number from 0 to 65535. Got ${text}`);
  return port;
}

export function readSize(text: string): number {
  const digits = /^\s*[+-]?\d+/.exec(text);
  if (!digits) throw new Error(`Invalid option value. Got ${text}`);
  return Number(digits[0]);
}

const MEMORY_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
  TB: 2 ** 40,
};

/** `536870912`, `512MB` or `1.5GB`. @returns bytes */
export function readMemory(text: string): number {
  const [, number, unit = ""] = /^(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?B)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * MEMORY_UNITS[unit.toUpperCase()]!);
  if (!(bytes >= LEAST_MEMORY))
    throw new Error(`--memory-limit takes bytes, or a number with KB, MB or GB, of at least 16MB. Got ${text}`);
  return bytes;
}
const LEAST_MEMORY = 2 ** 24;

/** A folder, or the address of a topic, which is checked. */
export function readExposures(text: string): string {
  if (isTopicAddress(text)) readTopicAddress(text);
  return text;
}

const AGE_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `64MB`, `30s`, `5m` or `1h`. */
export function readRotation(text: string): { readonly rotateBytes: number } | { readonly rotateSeconds: number } {
  const [, number, unit] = /^(\d{1,9})(KB|MB|GB|s|m|h)$/i.exec(text) ?? [];
  const age = AGE_SECONDS[unit?.toLowerCase() ?? ""];
  if (Number(number) > 0 && age !== undefined) return { rotateSeconds: Number(number) * age };
  const bytes = Number(number) * MEMORY_UNITS[unit?.toUpperCase() ?? ""]!;
  if (unit === undefined || !(bytes >= 2 ** 10 && bytes <= 2 ** 40))
    throw new Error(`--exposures-rotate takes a size such as 64MB, or an age such as 30s, 5m or 1h. Got ${text}`);
  return { rotateBytes: bytes };
}

/** A whole number; 0 for no limit. */
export function readLimit(text: string, flag: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Error(`--${flag} takes a whole number, 0 for no limit. Got ${text}`);
}

export function readRatio(text: string): number {
  const ratio = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (ratio < 1) throw new Error(`--request-memory-ratio takes a whole number of at least 1. Got ${text}`);
  return ratio;
}

const MOST_SECONDS = 86_400;

/** `2` or `0.5`. */
export function readSeconds(text: string, flag: string): number {
  const seconds = /^\d{1,6}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= MOST_SECONDS)) throw new Error(`--${flag} takes seconds, from 0 to ${MOST_SECONDS}. Got ${text}`);
  return seconds;
}

const MOST_WORKERS = 256;

export function readWorkers(text: string): number | "auto" {
  if (text === "auto") return text;
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MOST_WORKERS) throw new Error(`--workers takes auto, or 1 to ${MOST_WORKERS}. Got ${text}`);
  return count;
}

export function readFloat(text: string): number {
  const value = Number.parseFloat(text);
  if (Number.isNaN(value)) throw new Error(`Invalid option value. Got ${text}`);
  return value;
}

export function readGpu(text: string): GpuChoice {
  const choice = GPU_CHOICES.find(known => known === text);
  if (!choice) throw new Error(`--gpu takes ${GPU_CHOICES.join(", ")}. Got ${text}`);
  return choice;
}

export function readSeed(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw new Error(`a seed is a whole number from 0 to 2^64 - 1. Got ${text}`);
  return BigInt(text);
}

/** `name,setting=value`; without a name it is empty. @param quoted how Triton prints the form */
export function readSetting(
  text: string,
  flag: string,
  form: string,
  quoted = true,
): readonly [string, string, string] {
  const refuse = (): never => {
    throw new Error(`--${flag} option format is ${quoted ? `'${form}'` : form}. Got ${text}`);
  };
  // A comma behind the first `=` belongs to the value.
  const comma = text.split("=", 1)[0]!.indexOf(",");
  const name = comma === -1 ? "" : text.slice(0, comma);
  const setting = text.slice(comma + 1);
  const equals = setting.indexOf("=");
  if (equals <= 0 || equals === setting.length - 1) return refuse();
  return [name, setting.slice(0, equals), setting.slice(equals + 1)];
}

/** `a,b:key=value`. */
export function readRestriction(text: string, flag: string, kind: string) {
  const found = /^(?<names>[^:]*):(?<key>[^=]+)=(?<value>.*)$/.exec(text);
  if (!found?.groups)
    throw new Error(`--${flag} option format is '<config name>:<setting>=<value>'. Got ${maskRestriction(text)}`);
  const names = found.groups.names!.split(",");
  const unknown = names.find(name => !isRestrictable(name));
  if (unknown !== undefined) throw new Error(`unknown restricted ${kind} '${unknown}' `);
  return { names, key: found.groups.key!, value: found.groups.value! };
}
