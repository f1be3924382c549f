/**
 * Calls to a vector database with a deadline, one retry on a broken connection, and a breaker. After a failed connection, calls fail at once
 * for a moment.
 */
import type { Cancellation } from "../../base/cancellation.js";
import { type Clock, steadyNow, systemClock } from "../../base/clock.js";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import { foreignText } from "../../base/foreign-text.js";
import { within } from "../feast/redis-faults.js";
import type { ConnectionSettings } from "./connection-settings.js";

/** A connection that failed is not tried again before. */
const PAUSE_MS = 250;

/** An error of a client. */
export interface Failure {
  /** A call on a broken connection may be repeated. `away`: there is no connection. `late`: the server ended the call for its time. */
  readonly kind: "broken" | "away" | "late" | "refused";
  readonly reason: string;
  /** The way out. */
  readonly way: string;
}

export type GuardedCall = <T>(call: () => Promise<T>, signal?: Cancellation) => Promise<T>;

/** @param failureOf reads an error of the client */
export function guardedCalls(
  { where, mask }: ConnectionSettings,
  timeoutMs: number,
  failureOf: (error: unknown) => Failure,
  clock: Clock = systemClock,
): GuardedCall {
  let broken: { readonly until: number; readonly fault: RuntimeFault } | undefined;
  const late = (): RuntimeFault =>
    unavailable(`${where} did not answer within ${timeoutMs} ms. Raise \`timeoutMs\`, or look at its load.`);
  const faultOf = ({ kind, reason, way }: Failure): RuntimeFault => {
    if (kind === "late") return late();
    const text = foreignText(mask(reason)).replace(/\.$/, "");
    // No cause: a client's errors hold its settings, the password among them.
    return kind === "refused"
      ? invalid(`${where} refuses: ${text}. ${way}`.trim())
      : unavailable(`${where} cannot be reached: ${text}. ${way}`.trim());
  };
  const attempt = async <T>(call: () => Promise<T>, isLast: boolean): Promise<T> => {
    try {
      const value = await call();
      broken = undefined;
      return value;
    } catch (error) {
      if (error instanceof RuntimeFault) throw error;
      const failure = failureOf(error);
      if (failure.kind === "broken" && !isLast) return attempt(call, true);
      const fault = faultOf(failure);
      if (failure.kind === "broken" || failure.kind === "away") broken = { until: steadyNow(clock) + PAUSE_MS, fault };
      throw fault;
    }
  };
  return (call, signal) => {
    if (broken && steadyNow(clock) < broken.until) return Promise.reject(broken.fault);
    return within(attempt(call, false), timeoutMs, late, signal);
  };
}

/**
 * The calls of a database that is found fit to be searched.
 * @param close ends its connections if it is not
 * @throws RuntimeFault of `check`
 */
export async function checkedCalls(
  settings: ConnectionSettings,
  timeoutMs: number,
  failureOf: (error: unknown) => Failure,
  check: () => Promise<unknown>,
  close: () => Promise<void> | void,
): Promise<GuardedCall> {
  const call = guardedCalls(settings, timeoutMs, failureOf);
  try {
    await call(check);
    return call;
  } catch (error) {
    await close();
    throw error;
  }
}
