/** The option `propensity` of operators that order candidates: probabilities beside the ids and scores. */
import { z } from "zod";

/** Optional without a default, so that plans without it remain as they are. */
export const propensityParam = z.boolean().optional();

interface Params {
  readonly propensity?: boolean | undefined;
}

/** `ordered_ids` and `ordered_scores`, and with the option `propensity` and `list_propensity`. */
export const orderingColumns = ({ propensity }: Params): number => (propensity ? 4 : 2);

/** The end of a description. */
export const withPropensities = ({ propensity }: Params): string => (propensity ? ", with propensities" : "");

/** Properties of the two columns: the id of the step that made them. They remain when other steps pass the columns on. */
export const PROPENSITY = "merlon.propensity";
export const LIST_PROPENSITY = "merlon.list_propensity";
