/**
 * `--trace-config`, and the older flags it took the place of: one setting after the other → the options of the tracer.
 */
import { readLevels } from "../../runtime/server/observe/tracing/settings.js";
import { type TracerOptions, USUAL_TRACING } from "../../runtime/server/observe/tracing/tracer.js";
import { readInteger, readSetting } from "./values.js";

/** @throws Error for a setting that no mode has */
export function addTraceConfig(text: string, before: TracerOptions = USUAL_TRACING): TracerOptions {
  const [mode, key, value] = readSetting(text, "trace-config", "<mode>,<setting>=<value>");
  const read = SETTINGS[mode ? `${mode},${key}` : key];
  if (!read)
    throw new Error(
      `unknown trace setting '${mode ? `${mode},${key}` : key}'; write one of ${Object.keys(SETTINGS).join(" ")}`,
    );
  return read(value, before);
}

type Read = (value: string, before: TracerOptions) => TracerOptions;

const setting =
  (key: "rate" | "count" | "logFrequency"): Read =>
  (value, before) => ({ ...before, settings: { ...before.settings, [key]: readInteger(value) } });
const otlp =
  (key: "maxQueueSize" | "scheduleDelayMs" | "maxExportBatchSize"): Read =>
  (value, before) => {
    const number = readInteger(value);
    // Without a delay, spans are sent immediately.
    if (number < 1 && !(number === 0 && key === "scheduleDelayMs"))
      throw new Error(`trace setting ${key} is ${value}; write a number above 0`);
    return { ...before, otlp: { ...before.otlp, [key]: number } };
  };

const SETTINGS: Readonly<Record<string, Read>> = {
  rate: setting("rate"),
  count: setting("count"),
  level(value, before) {
    const level = [
      ...(before.settings.level ?? []),
      ...readLevels(value === "MIN" || value === "MAX" ? "TIMESTAMPS" : value),
    ];
    return {
      ...before,
      settings: { ...before.settings, level: level.includes("OFF") ? ["OFF"] : [...new Set(level)] },
    };
  },
  mode(value, before) {
    if (value !== "triton" && value !== "opentelemetry")
      throw new Error(`invalid trace mode '${value}'; write triton or opentelemetry`);
    return { ...before, mode: value };
  },
  "triton,file": (file, before) => ({ ...before, file }),
  "triton,log-frequency": setting("logFrequency"),
  "opentelemetry,url": (url, before) => ({ ...before, otlp: { ...before.otlp, url } }),
  "opentelemetry,resource"(value, before) {
    const equals = value.indexOf("=");
    if (equals <= 0) throw new Error(`trace resource '${value}' must be <key>=<value>`);
    const resource = { ...before.otlp.resource, [value.slice(0, equals)]: value.slice(equals + 1) };
    return { ...before, otlp: { ...before.otlp, resource } };
  },
  "opentelemetry,bsp_max_queue_size": otlp("maxQueueSize"),
  "opentelemetry,bsp_schedule_delay": otlp("scheduleDelayMs"),
  "opentelemetry,bsp_max_export_batch_size": otlp("maxExportBatchSize"),
};
