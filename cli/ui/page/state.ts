/** State that the parts of the page share: the shapes of the server's answers, and the model and request that are open. */

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

/** The first elements of a tensor. */
export interface Printed {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | string | boolean)[];
}
export interface Summary {
  readonly id: number;
  readonly at: number;
  readonly model: string;
  readonly version: number;
  readonly requestId: string;
  readonly protocol: string;
  readonly ms: number;
  readonly user?: { readonly input: string; readonly value: number | string | boolean; readonly rows: number };
  readonly answer?: { readonly output: string; readonly shape: readonly number[] };
  /** The arm of its row, or a JSON list of its rows' arms. */
  readonly arm?: string;
  readonly fault?: string;
  readonly failedStep?: string;
}
export interface StageRun {
  readonly name: string;
  readonly op: string;
  /** Microseconds. */
  readonly begin: number;
  readonly micros: number;
  readonly rowsIn?: number;
  readonly rowsOut?: number;
  readonly fault?: string;
  readonly tensors: readonly Printed[];
}
/** The outcome of one candidate. */
export interface Story {
  readonly id: string | number;
  readonly from: string;
  readonly rank: number;
  /** The other steps that found it. */
  readonly also?: readonly { readonly from: string; readonly rank: number }[];
  readonly scores: Readonly<Record<string, number>>;
  readonly droppedBy?: string;
  readonly place?: number;
}
export interface Detail extends Summary {
  readonly inputs: readonly Printed[];
  readonly outputs: readonly Printed[];
  readonly stages: readonly StageRun[];
  /** For each row of the request its candidates. */
  readonly explain?: readonly (readonly Story[])[];
}

export const state: {
  /** The model that was chosen last; what arrives for another is dropped. */
  model: string | undefined;
  metadata: Metadata | undefined;
  counts: Counts | undefined;
  /** The request that is open. */
  request: Detail | undefined;
} = { model: undefined, metadata: undefined, counts: undefined, request: undefined };
