/**
 * Injected faults: the kind, the model or stage, the rate. A JSON object, or a word of the command line.
 */
import { z } from "zod";
import { delaySchema, parseDelay } from "../../base/delays.js";
import { refuse, STATUS, type StatusCode } from "../../base/errors.js";

const codes = Object.keys(STATUS) as [StatusCode, ...StatusCode[]];

export const faultSchema = z.strictObject({
  /** A model's name, or `*` for all. @default "*" */
  model: z.string().min(1).default("*"),
  /** A stage of the model's plan; then only `delayMs` and `error` can be. */
  stage: z.string().min(1).optional(),
  /** Which share of the requests it hits. @default 1 */
  rate: z.number().min(0).max(1).optional(),
  /** Number of hits after which it ends. */
  times: z.number().int().min(1).optional(),
  /** Milliseconds after which it ends. */
  forMs: z.number().gt(0).optional(),
  /** Additional duration of the execution, which keeps its instance. */
  delayMs: delaySchema.optional(),
  /** The model fails with this code; the text is one that Triton has for it, unless it is given. */
  error: z.strictObject({ code: z.enum(codes).default("INTERNAL"), message: z.string().optional() }).optional(),
  /** The queue is full: `Exceeds maximum queue size`. */
  full: z.literal(true).optional(),
  /** The connection ends instead of a response; in a stream, after this number of responses. */
  drop: z.strictObject({ after: z.number().int().min(0).default(0) }).optional(),
  /** No response is sent any more, and the instance stays occupied, until the client cancels. */
  stall: z.strictObject({ after: z.number().int().min(0).default(0) }).optional(),
  /** Only this part of the answer's bytes arrives. */
  truncate: z.number().min(0).lt(1).optional(),
  /** The model is loading: it is not ready, and neither is the server. */
  notReady: z.literal(true).optional(),
  /** Loading the model fails, with this text or one of Triton's. */
  failLoad: z.union([z.literal(true), z.string()]).optional(),
});

/** A fault as it is written. */
export type Fault = z.input<typeof faultSchema>;
/** A fault as it is used. */
export type CheckedFault = z.infer<typeof faultSchema>;

const KINDS = ["delayMs", "error", "full", "drop", "stall", "truncate", "notReady", "failLoad"] as const;

const EXAMPLES =
  "ranker:delay=20..80 · ranker:delay=p50:20/p99:200 · ranker:error=UNAVAILABLE,rate=0.1 · recommend/ranking:error · ranker:full · ranker:drop,after=2 · ranker:stall · ranker:truncate=0.5 · ranker:not-ready,for=5000 · ranker:fail-load";

/** @throws RuntimeFault naming the allowed values */
export function checkFault(given: unknown): CheckedFault {
  const result = faultSchema.safeParse(given);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    return refuse(`fault: ${issue.path.join(".") || "the document"}: ${issue.message}`);
  }
  const fault = result.data;
  const kinds = KINDS.filter(kind => fault[kind] !== undefined);
  if (kinds.length === 0) refuse(`the fault of '${fault.model}' does nothing; write one of: ${EXAMPLES}`);
  const wrong = kinds.find(kind => kind !== "delayMs" && kind !== "error");
  if (fault.stage !== undefined && wrong !== undefined)
    refuse(`a stage can be late or fail, and \`${wrong}\` is of the model: leave \`${fault.stage}\` out`);
  return fault;
}

/** `MODEL[/STAGE]:KIND[=VALUE][,rate=R][,times=N][,for=MS][,after=N][,message=TEXT]`. @throws RuntimeFault with examples */
export function parseFault(text: string): CheckedFault {
  const bad = (why: string): never => refuse(`fault "${text}": ${why}. Examples: ${EXAMPLES}`);
  const colon = text.indexOf(":");
  if (colon < 1) return bad("write MODEL:KIND");
  const [model, ...stage] = text.slice(0, colon).split("/");
  // A message may hold commas, so it is the last.
  const [, words, message] = /^(.*?)(?:,message=([\s\S]*))?$/.exec(text.slice(colon + 1))!;
  const given: Record<string, unknown> = { model, ...(stage.length > 0 && { stage: stage.join("/") }) };
  const after = /(?:^|,)after=(\d+)(?=,|$)/.exec(words!)?.[1];
  const number = (key: string, value: string): number => {
    const read = Number(value);
    return value !== "" && Number.isFinite(read) ? read : bad(`${key}=${value} is no number`);
  };
  for (const word of words!.split(",")) {
    const [key, value = ""] = word.split(/=(.*)/s) as [string, string?];
    if (key === "rate" || key === "times") given[key] = number(key, value);
    else if (key === "for") given.forMs = number(key, value);
    else if (key === "after") number(key, value);
    else if (key === "delay")
      given.delayMs = parseDelay(value) ?? bad(`delay=${value} is not a time: write 20, 20..80 or p50:20/p99:200`);
    else if (key === "error")
      given.error = { ...(value && { code: value }), ...(message !== undefined && { message }) };
    else if (key === "drop" || key === "stall") given[key] = after === undefined ? {} : { after: Number(after) };
    else if (key === "truncate") given.truncate = value ? number(key, value) : 0.5;
    else if (key === "full") given.full = true;
    else if (key === "not-ready") given.notReady = true;
    else if (key === "fail-load") given.failLoad = message ?? true;
    else bad(`there is no fault \`${key}\``);
  }
  return checkFault(given);
}
