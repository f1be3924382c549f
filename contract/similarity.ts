/** The property of a column of vectors that says how training compared them: `ip`, `cosine` or `l2`. */
export const SIMILARITY = "similarity";
