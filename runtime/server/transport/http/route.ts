/**
 * One HTTP route: what it is made of, what it works with, and how it reads a JSON body.
 */
import type { Cancellation } from "../../../base/cancellation.js";
import type { Charge, MemoryBudget } from "../../../base/memory/memory-budget.js";
import { slicedIfLong } from "../../../base/slices.js";
import type { Json, JsonObject } from "../../../wire/json/json.js";
import { EVERYTHING, type Kept } from "../../../wire/json/json-kept.js";
import type { LogSettings } from "../../observe/log-settings.js";
import type { ServerLog } from "../../observe/server-log.js";
import type { ServerCalls } from "../../requests/server-calls.js";
import type { Exchange } from "../http1/exchange.js";
import type { Restrictable, Restriction } from "../restriction.js";
import type { Pattern } from "../user-pattern.js";
import { isObject } from "./access.js";
import type { Answer } from "./answer.js";
import type { BinaryForm } from "./binary-form.js";
import { readBody } from "./body.js";
import { chargedMemory } from "./growable-buffer.js";
import { readJson } from "./infer-request.js";

/** The context of a route besides its path. */
export interface RouteContext {
  readonly calls: ServerCalls;
  readonly log: ServerLog;
  readonly logSettings: LogSettings;
  readonly maxInputSize: number;
  /** Bodies, unpacked bodies and responses are charged to it. */
  readonly budget: MemoryBudget;
  readonly restriction: Restriction;
  readonly headerForwardPattern: Pattern | undefined;
  /** The form of a cloud's front end; Triton's own header otherwise. */
  readonly binary?: BinaryForm;
}

export interface Call {
  readonly request: Exchange;
  readonly context: RouteContext;
  /** Named groups of the path. */
  readonly path: Readonly<Record<string, string | undefined>>;
  readonly signal: Cancellation;
}

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: RegExp;
  /** The API of the route, for restrictions. */
  readonly api: Restrictable;
  answer(call: Call): Answer | Promise<Answer>;
}

/** A route whose path is matched exactly, groups apart. */
export const route = (method: Route["method"], api: Restrictable, path: string, answer: Route["answer"]): Route => ({
  method,
  api,
  path: new RegExp(`^${path}$`),
  answer,
});

/**
 * The body as an object; anything else, and an empty body where that is allowed, counts as an object without members.
 * @param kept what the route reads of it
 */
export async function bodyObject(call: Call, mayBeEmpty: boolean, kept: Kept = EVERYTHING): Promise<JsonObject> {
  const json = await bodyJson(call, mayBeEmpty, kept);
  return isObject(json) ? json : new Map();
}

/** The body as JSON; an empty one is an object without members where it may be. @throws RuntimeFault */
async function bodyJson(call: Call, mayBeEmpty: boolean, kept: Kept): Promise<Json> {
  const charge = call.context.budget.open();
  try {
    return await chargedJson(call, mayBeEmpty, kept, charge);
  } finally {
    charge.release();
  }
}

/** @param charge takes the bytes of the body, which stay charged */
export async function chargedJson(
  { request, context, signal }: Call,
  mayBeEmpty: boolean,
  kept: Kept,
  charge: Charge,
): Promise<Json> {
  const body = await readBody(request, context.maxInputSize, chargedMemory(charge));
  if (body.length === 0 && mayBeEmpty) return new Map();
  const limits = { allowance: context.budget.allowance(body.length) };
  return slicedIfLong(body.length, readJson(body, kept, limits), signal);
}
