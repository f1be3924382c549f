/** The id of a build in exposures, configurations, responses and logs: the first digits of the SHA-256 of `plan.json`. */
export const planId = (sha256: string): string => sha256.slice(0, 16);
