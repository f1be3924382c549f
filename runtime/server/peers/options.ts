/**
 * The options of a worker that belongs to a server of several worker processes.
 */
export interface PeerOptions {
  /** This worker's number, from 0. */
  readonly self: number;
  /** Number of workers. */
  readonly count: number;
  /** A folder that only this user can enter; each worker listens on the Unix socket `INDEX.sock` in it. */
  readonly folder: string;
  /** Secret shared by the workers of this server, 16 to 256 bytes; a new one for each server. */
  readonly token: string;
  /**
   * Whether a busy worker forwards expensive requests to idle ones; `always` forwards every request, for tests and measurements.
   * @default "auto"
   */
  readonly balance?: "auto" | "off" | "always" | undefined;
  /** Milliseconds without a frame after which a worker that owes responses counts as hung. @default 30000 */
  readonly silenceMs?: number | undefined;
  /** Whether the dynamic batchers of a model run in one worker: those with preferred batch sizes, or none. @default "none" */
  readonly homeBatchers?: "none" | "preferred" | undefined;
}

/** How a running worker is linked to the others. */
export interface PeerState {
  /** Numbers of the workers that requests can be forwarded to. */
  readonly linked: readonly number[];
  /** Resolves when all other workers are linked. */
  whole(): Promise<void>;
  readonly counts: PeerCounts;
}

export interface PeerCounts {
  /** Requests that other workers ran for this one, because their state lives there. */
  readonly homed: number;
  /** Requests that other workers ran for this one, because it was busy. */
  readonly balanced: number;
  /** Requests that this worker ran for others. */
  readonly received: number;
  /** Forwarded requests that failed because the other worker ended or stopped responding. */
  readonly lost: number;
}
