/**
 * The next step of a model: its state and its polled folder → a step. Decisions alone; `load-model`, `take-down` and `unload-model` take
 * the steps.
 *
 *              load              loaded
 *     absent ──────► (loading) ─────────► ready ──┐ load: the old versions serve until it ends, and stay if it fails
 *       ▲                │ failed        ▲  │ ▲───┘
 *       │                ▼          load │  │ damage; a member of an ensemble is missing │              down, waiting ────┘  │
 *       │                │      ▲───────────┤
 *       └────────────────┴──────────────────┘
 *                unload
 *
 * While a load runs, `running-loads` has it, and no other begins. Versions have states of their own: `version-state`.
 */
import { isSameButForFiles } from "./poll-model.js";
import type { PolledModel } from "./polled-model.js";

/** `down`: its folder was read, and none of its versions is ready. An ensemble that is down waits for its members. */
export type ModelState = "absent" | "ready" | "down" | "waiting";

/** A model's folder as a poll finds it, beside what was read before. `same`: no change. `ambiguous`: several repositories have the model. */
export type Found = "gone" | "ambiguous" | "unreadable" | "same" | "changed";

export type Step = "leave" | "load" | "unload";

const POLL_STEPS: Readonly<Record<Found, Readonly<Record<ModelState, Step>>>> = {
  gone: { absent: "leave", ready: "unload", down: "unload", waiting: "unload" },
  ambiguous: { absent: "leave", ready: "unload", down: "leave", waiting: "leave" },
  unreadable: { absent: "leave", ready: "leave", down: "leave", waiting: "leave" },
  same: { absent: "load", ready: "leave", down: "load", waiting: "leave" },
  changed: { absent: "load", ready: "load", down: "load", waiting: "load" },
};

export const stepOfPoll = (state: ModelState, found: Found): Step => POLL_STEPS[found][state];

export function stateOf(polled: PolledModel | undefined, isReady: boolean): ModelState {
  if (isReady) return "ready";
  if (!polled) return "absent";
  return polled.config.platform === "ensemble" ? "waiting" : "down";
}

/**
 * The step of a load once the folder is read. `ignore-files`: Triton's rule, which it does not mention: files of a request are not read
 * where versions of the same configuration serve.
 * @param before what serves was read as, if anything serves @param hasFiles whether a client sent files
 */
export function stepOfLoad(
  before: PolledModel | undefined,
  polled: PolledModel,
  hasFiles: boolean,
): "leave" | "ignore-files" | "load" {
  if (!before) return "load";
  if (!hasFiles) return before.mark === polled.mark ? "leave" : "load";
  return isSameButForFiles(before, polled) ? "ignore-files" : "load";
}
