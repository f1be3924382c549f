/**
 * The outcomes of arms in one run, for kernels that stop arms. An arm's time is from the choice of the branches to the end of its own last
 * step. Faults that a client can cause alone are not the arm's.
 */
import { columnsAt } from "../../../contract/any-step.js";
import { type Side, sidesOf } from "../../../contract/step-facts.js";
import type { Column } from "../../base/columns/table.js";
import { type RuntimeFault, type StatusCode, UnknownModel } from "../../base/errors.js";
import type { ArmOutcome, RunContext } from "./kernel.js";
import type { Stage } from "./stage.js";

/** Codes of faults that may be the request's own, or the client's. */
const OF_CLIENTS: ReadonlySet<StatusCode> = new Set([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "RESOURCE_EXHAUSTED",
  "CANCELLED",
]);

interface Watched {
  readonly keys: Column;
  readonly began: number;
  /** Arms without an outcome. */
  readonly open: Set<Side>;
}

export class ArmWatch {
  readonly #stages: readonly Stage[];
  readonly #ended: readonly number[];
  readonly #signal: RunContext["signal"];
  readonly #watched = new Map<number, Watched>();
  readonly #onAbort = (): void => this.leave();

  /** @param ended times of stages, as the run notes them */
  constructor(stages: readonly Stage[], ended: readonly number[], { signal }: RunContext) {
    this.#stages = stages;
    this.#ended = ended;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** A choice takes these arms. */
  decide(choice: number, keys: Column, sides: readonly Side[]): void {
    this.#watched.set(choice, { keys, began: performance.now(), open: new Set(sides) });
  }

  /** All arms that a choice takes are done. */
  arrive(choice: number): void {
    const watched = this.#watched.get(choice);
    if (!watched) return;
    const { step, reads } = this.#stages[choice]!;
    for (const side of [...watched.open]) {
      const steps = new Set(columnsAt(step, side)?.map(ref => ref.step));
      const ends = reads.filter(i => steps.has(this.#stages[i]!.step.id)).map(i => this.#ended[i]!);
      const end = Math.max(watched.began, ...ends);
      this.#note(choice, side, { failed: false, done: true, milliseconds: end - watched.began });
    }
  }

  /** A stage failed: an arm that alone needs it has failed. */
  fail(stage: number, { code, cause }: RuntimeFault): void {
    const isOfClient = OF_CLIENTS.has(code) && !(cause instanceof UnknownModel);
    if (isOfClient || this.#signal?.aborted) return;
    for (let above = this.#stages[stage]!.guard; above; above = this.#stages[above.choice]!.guard) {
      const watched = this.#watched.get(above.choice);
      if (!watched?.open.has(above.side)) continue;
      const milliseconds = performance.now() - watched.began;
      this.#note(above.choice, above.side, { failed: true, done: true, milliseconds });
    }
  }

  /** The run has ended, or was cancelled: arms that are not done took at least until now. */
  leave(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const now = performance.now();
    for (const [choice, { open, began }] of this.#watched)
      for (const side of [...open]) this.#note(choice, side, { failed: false, done: false, milliseconds: now - began });
  }

  #note(choice: number, side: Side, outcome: ArmOutcome): void {
    const { keys, open } = this.#watched.get(choice)!;
    open.delete(side);
    const { step, kernel } = this.#stages[choice]!;
    kernel.observe!(keys, sidesOf(step)!.indexOf(side), outcome);
  }
}
