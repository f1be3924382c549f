/** Outcomes and stops of arms that the workers of a server, and the instances of a model, share. */

/** The guard of one arm, as others see it. */
export interface ArmPeer {
  /** @param outcomes of others: a key, 1 if it failed plus 2 if it was slow, the next key, … */
  take(outcomes: Float64Array): void;
  /** @param until time of `steadyNow`, which the processes of a machine share */
  stop(until: number): void;
}

/** Sends the news of one guard to the others. */
export interface ArmShare {
  noted(key: number, flags: number): void;
  /** @param until time of `steadyNow`, which the processes of a machine share */
  stopped(until: number): void;
}

/** @param arm a name that the arm has in each process that serves the plan */
export type ShareArm = (arm: string, peer: ArmPeer) => ArmShare;
