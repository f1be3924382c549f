/** The property of a column of vectors that says how training compared them: `ip`, `cosine` or `l2`. */
export const SIMILARITY = "similarity";

/** The property of such a column if its model's file names items of an index: the path of the model, as its author wrote it. */
export const TOWER = "tower";

/** The property of a column of distances, whose smallest is the best. */
export const DISTANCE = "distance";
