/**
 * The log settings that both protocols read and write: a small state with Triton's names and refusals.
 */
import type { LogSettingsRequest_SettingValue } from "../../../triton-protos/gen/messages.js";
import { settingValues } from "../../../triton-protos/setting-values.js";
import { internal, invalid, RuntimeFault, type StatusCode, unsupported } from "../../base/errors.js";
import type { LogOptions } from "./server-log.js";

type SettingValue = LogSettingsRequest_SettingValue;
export type LogState = { -readonly [K in keyof LogOptions]: LogOptions[K] };

type GrpcSettings = Readonly<Record<string, SettingValue>>;

export interface LogSettings {
  /** Current settings under Triton's names, in its order. */
  print(): Readonly<Record<string, string | number | boolean>>;
  /** @throws RuntimeFault; nothing is changed then */
  updateFromGrpc(settings: GrpcSettings): GrpcSettings | Promise<GrpcSettings>;
  updateFromJson(settings: Readonly<Record<string, unknown>>): void | Promise<void>;
}

const SWITCHES = { log_info: "info", log_warning: "warning", log_error: "error" } as const;

/** @param file the log's file; empty for the process' own outputs */
export function createLogSettings(state: LogState, file = ""): LogSettings {
  const print = () => ({
    log_file: file,
    log_info: state.info,
    log_warning: state.warning,
    log_error: state.error,
    log_verbose_level: state.verbose,
    log_format: state.format as string,
  });
  const setFormat = (next: Partial<LogState>, format: string, flag: string, code: StatusCode): void => {
    if (format !== "default" && format !== "ISO8601")
      throw new RuntimeFault(code, `invalid argument for ${flag}, got: ${format}`);
    next.format = format;
  };
  const refuseFile = (): never => {
    throw unsupported("log file location can not be updated through network protocol");
  };
  return {
    print,
    updateFromGrpc(settings) {
      const next: Partial<LogState> = {};
      const wrong = (key: string, type: string): never => {
        throw invalid(`expect ${type} for '${key}'`);
      };
      for (const [key, value] of Object.entries(settings)) {
        if (key === "log_file") refuseFile();
        else if (Object.hasOwn(SWITCHES, key))
          next[SWITCHES[key as keyof typeof SWITCHES]] = value.bool_param ?? wrong(key, "boolean");
        else if (key === "log_verbose_level") next.verbose = value.uint32_param ?? wrong(key, "int32");
        else if (key === "log_format")
          setFormat(next, value.string_param ?? wrong(key, "string"), "log_format", "INVALID_ARGUMENT");
      }
      Object.assign(state, next);
      return settingValues(print());
    },
    updateFromJson(settings) {
      const next: Partial<LogState> = {};
      const wrong = (type: string): never => {
        throw internal(`attempt to access JSON non-${type} as ${type}`);
      };
      for (const [key, value] of Object.entries(settings)) {
        if (value === null) continue;
        if (key === "log_file") refuseFile();
        else if (Object.hasOwn(SWITCHES, key))
          next[SWITCHES[key as keyof typeof SWITCHES]] = typeof value === "boolean" ? value : wrong("boolean");
        else if (key === "log_verbose_level")
          next.verbose =
            typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : wrong("unsigned-integer");
        else if (key === "log_format")
          setFormat(next, typeof value === "string" ? value : wrong("string"), "--log_format", "UNAVAILABLE");
      }
      Object.assign(state, next);
    },
  };
}
