/**
 * The phases of a sequence, from its first request to its last, and its transitions.
 *
 * ```text
 *                 seat           run
 *     waiting ──────────► seated ────► running
 *        │                   │  ◄────     │       A sequence waits until a slot is free, and one of its requests runs at a time.
 *       end                 end  done    end
 *        ▼        seat       ▼    run     ▼
 *   waitingLast ────────► last ──────► lastRunning   No further request belongs to it: those that are queued still run.
 *        │                   │  ◄────
 *        └─────release───────┴────────► gone          Its slot is free.
 * ```
 */
export type Phase = "waiting" | "seated" | "running" | "waitingLast" | "last" | "lastRunning" | "gone";

/** `end`: its END request, its idle time, or a client that gave up. */
export type PhaseEvent = "seat" | "run" | "done" | "end" | "release";

interface PhaseRule {
  readonly isRunning: boolean;
  readonly hasEnded: boolean;
  /** An event that is not listed leaves the phase as it is. */
  readonly on: Readonly<Partial<Record<PhaseEvent, Phase>>>;
}

export const PHASES: Readonly<Record<Phase, PhaseRule>> = {
  waiting: { isRunning: false, hasEnded: false, on: { seat: "seated", end: "waitingLast", release: "gone" } },
  seated: { isRunning: false, hasEnded: false, on: { run: "running", end: "last", release: "gone" } },
  running: { isRunning: true, hasEnded: false, on: { done: "seated", end: "lastRunning" } },
  waitingLast: { isRunning: false, hasEnded: true, on: { seat: "last", release: "gone" } },
  last: { isRunning: false, hasEnded: true, on: { run: "lastRunning", release: "gone" } },
  lastRunning: { isRunning: true, hasEnded: true, on: { done: "last" } },
  gone: { isRunning: false, hasEnded: true, on: {} },
};

export const isRunning = ({ phase }: { readonly phase: Phase }): boolean => PHASES[phase].isRunning;
export const hasEnded = ({ phase }: { readonly phase: Phase }): boolean => PHASES[phase].hasEnded;

export function advance(sequence: { phase: Phase }, event: PhaseEvent): void {
  sequence.phase = PHASES[sequence.phase].on[event] ?? sequence.phase;
}
