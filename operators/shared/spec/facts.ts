/**
 * The static properties of an operator.
 */
import type { ColumnSchema } from "../../../contract/schema.js";

/** The same for every step of the operator, or by its parameters. */
export type ByParams<P, T> = T | ((params: P) => T);

/**
 * The dependence of output columns on input columns. Each depends on the one of its position, the same with some left out by the fit, or
 * each depends on all.
 */
export type ColumnsFact = "one by one" | "some left out" | "together";

/**
 * The rows of its columns. They are those it reads, fewer or grouped ones of the request's, new candidates for each row it reads, or some
 * of its input candidates.
 */
export type RowsFact = "kept" | "changed" | "brought" | "chosen";

/**
 * Nulls of its columns. There are none for any input (floats have NaN), those of the columns it reads at the same position, or some of its
 * own.
 */
export type NullsFact = "none" | "as read" | "possible";

/** A uniform draw that replaces another one by chance. */
export interface UniformShare {
  /** Probability of the uniform draw. */
  readonly epsilon: number;
  /** Raises the probability per position to `least` times the number of candidates left, at most to 1. 0 raises nothing. */
  readonly least: number;
  /** Decided anew at each position, or once for the whole list. */
  readonly per: "position" | "list";
}

/** A draw without replacement. */
export interface DrawRule {
  /** Weights are exp(T · score). Absent: the best candidate is first, and the first of equal ones. */
  readonly temperature?: number;
  readonly uniform?: UniformShare;
}

/**
 * The way in which an operator orders a user's candidates. `"by score"` puts the best first, and the first of equal ones. `"by rule"` depends
 * on more than the scores, without chance. `"by drawn scores"` is a draw whose probabilities do not follow from the scores alone.
 */
export type OrderingFact = "by score" | "by rule" | "by drawn scores" | DrawRule;

/** A column, and its name in a step. */
export interface NamedSchema {
  readonly name: string;
  readonly schema: ColumnSchema;
}

/** Rows that are left out. */
export interface LeavesOutFact<P> {
  /** Columns that decide; undefined for all that it reads. */
  readonly by: (params: P) => ReadonlySet<string> | undefined;
  /** The effect of removing one of these from the plan: the others stay, or the step is removed. */
  readonly without: "the others" | "nothing";
}

export interface Facts<P> {
  /**
   * The programs that may use it. An operator of workflows needs no store, model or candidates, and is served within an ensemble by
   * `transformWorkflow`.
   */
  readonly where: "workflow" | "ensemble";
  readonly columns: ByParams<P, ColumnsFact>;
  readonly rows: ByParams<P, RowsFact>;
  readonly nulls: NullsFact;
  /** Looks at other rows than the one it answers, so that it has to see them all, in order. */
  readonly readsOtherRows: boolean;
  /** Its result depends on the number of the row in the request or file: only for parity with NVTabular. */
  readonly readsRowNumber: ByParams<P, boolean>;
  /**
   * Its kernel can run on numbers a block at a time, so that neighbors become one step. A function decides by its columns, which are
   * numbers.
   */
  readonly fuses: boolean | ((params: P, inputs: readonly NamedSchema[]) => boolean);
  /** Takes the columns of a group together; other operators refuse groups, which mean nothing to them. */
  readonly grouped: boolean;
  /** Only names columns, or says something about them (tags, which of them stay): steps that read its columns may read what it reads. */
  readonly describes: false | "names" | "describes";
  /** Keeps candidates and looks at a user's together, so that it must know whose they are. */
  readonly perUser: boolean;
  /** Its answer for a row depends on that row alone and costs enough to be kept. */
  readonly cacheable: ByParams<P, boolean>;
  /** Its float columns are scores of candidates, not features: all, none, or the one of a name. */
  readonly scores: ByParams<P, boolean | string>;
  /** If it draws random numbers: the parameters of the step that does not; undefined if these draw nothing. */
  readonly withoutChance?: (params: P) => P | undefined;
  /** For an operator that orders candidates, and chooses the first of them. */
  readonly orders?: (params: P) => OrderingFact;
  /** Takes a function of the author's, which the compiler reads out of the program. */
  readonly takesFunction?: true;
  /** The option that is a function of the author's. */
  readonly functionOption?: string;
  /** Runs the plan of a fitted workflow on its columns. */
  readonly appliesWorkflow?: true;
  /** The rows that it makes are groups of rows that it reads, so that none of them is of one row. */
  readonly groupsRows?: (params: P) => boolean;
  /** Makes codes of ids: numbers that mean something to a model only. */
  readonly encodes?: true;
  /** Its graph is a product of matrices, which runs where models run. */
  readonly multiplies?: true;
  /** Reads a store beyond the plan's files, which costs a round trip. */
  readonly looksUp?: true;
  /** The file of the vector database that it searches, as its author wrote it. */
  readonly database?: (params: P) => string;
  /** A request fails if a column that it reads has a null that is not a float. */
  readonly refusesNulls?: true;
  /** Its answer depends on the time of the request. */
  readonly readsClock?: (params: P) => boolean;
  /** Its columns are those that it reads, port by port; each row is one of the column named. */
  readonly passes?: { readonly rowsBy: (params: P) => string };
  /** Keeps rows by a condition and drops the others, so that no row of the request gets more of them. */
  readonly filters?: true;
  /** Its columns are those that it reads, without some rows. */
  readonly leavesOut?: LeavesOutFact<P>;
  /** The union of its ports is its candidates. */
  readonly gathers?: true;
  /** The names of its parts, which are its sources, by port. */
  readonly partNames?: (params: P) => Readonly<Record<string, string>>;
  /** Parts that a run leaves out if they fail or are late, by port: milliseconds from the start of the run. */
  readonly partTimes?: (params: P) => Readonly<Record<string, number>>;
  /** For an operator that assigns rows to arms: their names, by port. */
  readonly arms?: (params: P) => readonly string[];
  /** One of its ports is a branch that runs beside the response, and does not make it; its columns are those at `input`. */
  readonly runsBeside?: true;
  /** For an operator that chooses between branches by their outcome: milliseconds for the first, from the start of the run. */
  readonly within?: (params: P) => number | undefined;
}

/** Operators of workflows that make each column from one. */
export const PER_COLUMN = {
  where: "workflow",
  columns: "one by one",
  rows: "kept",
  readsOtherRows: false,
  readsRowNumber: false,
  grouped: false,
  perUser: false,
  cacheable: false,
  scores: false,
} as const;

/** Stages of ensembles. */
export const STAGE = {
  where: "ensemble",
  columns: "together",
  readsOtherRows: false,
  readsRowNumber: false,
  fuses: false,
  grouped: false,
  describes: false,
  perUser: false,
} as const;

/** Operators of workflows that look at several columns. */
export const TOGETHER = { ...STAGE, where: "workflow", cacheable: false, scores: false } as const;

/** Stages that choose among the rows that they read. */
export const CHOSEN = { ...STAGE, rows: "chosen", cacheable: false, scores: false } as const;
