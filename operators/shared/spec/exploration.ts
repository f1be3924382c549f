/** The option `minPropensity` of operators that draw: a floor under the probability of each candidate. */
import { z } from "zod";
import type { UniformShare } from "./facts.js";

/** Optional without a default, so that plans without it remain as they are. A draw by 52 random bits has no smaller floor exactly. */
export const minPropensityParam = z.number().min(1e-9).max(1).optional();

/** @returns the uniform draw that a floor mixes in; undefined without one */
export const uniformFloor = (least: number | undefined): UniformShare | undefined =>
  least === undefined ? undefined : { epsilon: 0, least, per: "position" };

/** A part of a description. */
export const withFloor = ({ minPropensity }: { readonly minPropensity?: number | undefined }): string =>
  minPropensity === undefined ? "" : `, each with at least ${minPropensity}`;
