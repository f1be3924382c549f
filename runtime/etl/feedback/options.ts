/** Options and counts of the feedback join. */
import type { DatabaseOptions } from "../database.js";

/** Which exposure of the window an event counts for. */
export type Attribution = "last" | "position" | "all";

export const ATTRIBUTIONS: readonly Attribution[] = ["last", "position", "all"];

export interface JoinOptions extends DatabaseOptions {
  /** Seconds after an exposure in which an event counts, the last instant included. */
  readonly window: number;
  readonly attribution: Attribution;
  /** Seconds by which an event may precede its exposure, since clocks differ. Default 0. */
  readonly clockSkew?: number;
  /** Kept column of the log that identifies users, for events without a request id. */
  readonly user?: string;
  /** Columns of the events under other names: `item` → `product_id`. Keys: `request_id`, `request_row`, `item`, `time`, `event`, the user's column. */
  readonly columns?: ReadonlyMap<string, string>;
  /** Rewards by the name of the event. Events of other names are left out. */
  readonly rewards?: ReadonlyMap<string, number>;
  /** Numeric column of the events instead: the reward of each. */
  readonly reward?: string;
  /** Names of the events that make the label 1. Default: every event that counts. */
  readonly labels?: readonly string[];
  /** Column that identifies an event. Default: equal key, item, name and time are one event. */
  readonly eventId?: string;
  /** Unit of event times that are numbers. Default `s`. */
  readonly timeUnit?: TimeUnit;
  /** Time zone of event times without one. Default UTC. */
  readonly timeZone?: string;
  /** Part of the exposures without an event that is kept, in (0, 1]; adds a column `weight`. */
  readonly negatives?: number;
  readonly seed?: number;
  /** Keeps candidates that were not shown, with label 0. */
  readonly notShown?: boolean;
}

export type TimeUnit = "s" | "ms" | "us";

/** Events by their fate; the counts add up to `rows`. */
export interface EventCounts {
  readonly rows: number;
  readonly matched: number;
  /** After the window of every earlier exposure. */
  readonly late: number;
  /** Earlier than every exposure, by more than the clock skew. */
  readonly beforeExposure: number;
  readonly duplicates: number;
  readonly unknownRequests: number;
  /** The request is in the log, and the item is not in its list. */
  readonly notInList: number;
  /** Matched by user: the log has no exposure of user and item. */
  readonly withoutExposure: number;
  /** The item was a candidate, and was not shown. */
  readonly notShown: number;
  /** Without an item, or without a request id and a user. */
  readonly withoutKey: number;
  /** Events whose name has neither a reward nor a label. */
  readonly otherNames: number;
  /** Events whose reward column is null: their reward is 0. They are counted above, too. */
  readonly withoutReward: number;
}

export interface PositionCounts {
  /** Null for candidates that were not shown. */
  readonly position: number | null;
  readonly rows: number;
  readonly positives: number;
  readonly reward: number;
}

export interface JoinReport {
  readonly files: readonly string[];
  readonly exposures: {
    readonly rows: number;
    readonly shown: number;
    readonly requests: number;
    /** ISO 8601, UTC. */
    readonly from: string;
    readonly to: string;
    /** Left out: lists of a request id that an earlier list has. They are not counted above. */
    readonly repeated: {
      readonly rows: number;
      readonly requests: number;
      /** Some of the request ids. */
      readonly examples: readonly string[];
    };
  };
  readonly events: EventCounts;
  /** Events by name, if the events have names: the 20 most frequent. */
  readonly names: Readonly<Record<string, number>>;
  readonly joined: {
    readonly rows: number;
    /** Rows with label 1. */
    readonly positives: number;
    /** Rows with an event. */
    readonly withEvent: number;
    readonly reward: number;
  };
  readonly positions: readonly PositionCounts[];
}
