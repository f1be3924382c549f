/**
 * The states of a version, as the repository index shows them, and its transitions.
 *
 *     LOADING ──loaded──► READY ──unload──► UNLOADING
 *        │                  │                   │
 *      failed            dropped             closed
 *        └──────────────────┼───────────────────┘
 *                           ▼
 *                      UNAVAILABLE
 *
 * A load makes records of its own, each LOADING. They are listed at once if the model does not serve; else they take the place of those that do, which keep
 * serving until then.
 */
import type { ReadyVersion } from "./ready-version.js";

export type VersionState = "LOADING" | "READY" | "UNLOADING" | "UNAVAILABLE";

/** `dropped`: loaded, and then discarded: another version of the load failed, or a newer load has no such version. */
export type VersionEvent = "loaded" | "failed" | "unload" | "dropped" | "closed";

export interface Version {
  readonly state: VersionState;
  readonly reason: string;
  readonly ready?: ReadyVersion;
}

/** An event that a state does not list leaves the version as it is. */
export const MOVES: Readonly<Record<VersionState, Readonly<Partial<Record<VersionEvent, VersionState>>>>> = {
  LOADING: { loaded: "READY", failed: "UNAVAILABLE" },
  READY: { unload: "UNLOADING", dropped: "UNAVAILABLE" },
  UNLOADING: { closed: "UNAVAILABLE", dropped: "UNAVAILABLE" },
  UNAVAILABLE: {},
};

export const LOADING: Version = Object.freeze({ state: "LOADING", reason: "" });
export const UNAVAILABLE: Version = Object.freeze({ state: "UNAVAILABLE", reason: "" });

/** @param reason in the index @param ready what was loaded */
export function moved(
  version: Version,
  event: VersionEvent,
  { reason = version.reason, ready = version.ready }: { reason?: string; ready?: ReadyVersion | undefined } = {},
): Version {
  const state = MOVES[version.state][event];
  if (!state) return version;
  return Object.freeze({ state, reason, ...(ready && state !== "UNAVAILABLE" && { ready }) });
}
