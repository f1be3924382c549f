/**
 * Operator → what it learns beyond the moments of its columns.
 */
import type { FittedOpKind, OpState } from "../../contract/op-state.js";
import type { AnyStep, Step } from "../../contract/plan.js";
import { learnDataStats } from "./learn-data-stats.js";
import { learnColumnSimilarity, learnJoinExternal } from "./learn-external.js";
import { learnJoinGroupby, learnTargetEncoding } from "./learn-groups.js";
import { learnVocabularies } from "./learn-vocabularies.js";
import type { Learning } from "./learning.js";

export interface LearningStep extends Learning {
  /** Folder that the files which operators name are relative to. */
  readonly base: string;
  /** Names of vocabularies so far. */
  readonly vocabularies: Set<string>;
  readonly report: Parameters<typeof learnVocabularies>[4];
}

interface Learner<K extends FittedOpKind> {
  readonly learn: (learning: LearningStep, step: Step<K>) => Promise<OpState[K]>;
  /** Its statements only count: any number of threads make the same of them. */
  readonly onlyCounts?: true;
}

const LEARNERS: { readonly [K in FittedOpKind]?: Learner<K> } = {
  joinExternal: { learn: (learning, step) => learnJoinExternal(learning, step, learning.base) },
  columnSimilarity: { learn: (learning, step) => learnColumnSimilarity(learning, step, learning.base) },
  dataStats: { learn: learnDataStats },
  targetEncoding: { learn: learnTargetEncoding },
  joinGroupby: { learn: learnJoinGroupby },
  categorify: {
    learn: (learning, step) => learnVocabularies(learning, step, learning.base, learning.vocabularies, learning.report),
    onlyCounts: true,
  },
};

/** Whether an operator learns something of a column without values: its null is a key, or a fact. */
export const learnsFromNulls = ({ op }: AnyStep): boolean => Object.hasOwn(LEARNERS, op);

/** @returns undefined where the moments of its columns are all that the operator learns */
export const learnerOf = ({ op }: AnyStep): Learner<FittedOpKind> | undefined =>
  LEARNERS[op as FittedOpKind] as Learner<FittedOpKind> | undefined;
