/** State that the parts of the page share: the shapes of the server's answers, and the model and request that are open. */
import type { CandidateStory } from "../../../runtime/engine/explain/explain-candidates.js";
import type { RecentDetail } from "../../../runtime/server/observe/tracing/recent-requests.js";

export interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | string)[];
}
export interface Metadata {
  readonly name: string;
  readonly versions?: readonly string[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}
export interface StageCounts {
  readonly model: string;
  readonly stage: string;
  readonly count: number;
  readonly failures: number;
  readonly seconds: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** Phrases for the lacks of every run of the last minute. */
  readonly empty: readonly string[];
}
type Tally = { readonly count?: string | number; readonly ns?: string | number };
export interface Counts {
  readonly error?: string;
  /** Differs after a restart. */
  readonly server: number;
  readonly models: readonly { readonly name: string; readonly state?: string; readonly reason?: string }[];
  readonly stats: readonly {
    readonly name: string;
    readonly version?: string;
    readonly inference_stats?: Readonly<Record<string, Tally>>;
  }[];
  readonly stages: readonly StageCounts[];
  readonly newest: number;
  readonly unseen: number;
}

export interface Detail extends RecentDetail {
  /** For each row of the request its candidates. */
  readonly explain?: readonly (readonly CandidateStory[])[];
}

export const state: {
  /** The model that was chosen last; what arrives for another is dropped. */
  model: string | undefined;
  metadata: Metadata | undefined;
  counts: Counts | undefined;
  /** The request that is open. */
  request: Detail | undefined;
} = { model: undefined, metadata: undefined, counts: undefined, request: undefined };
