/** The property of a column of vectors that says how training compared them: `ip`, `cosine` or `l2`. */
export const SIMILARITY = "similarity";

/** The property of such a column whose model's file has items of the index that belongs to it: the path of the file, as its author wrote it. */
export const TOWER = "tower";

/** The property of a column of distances, whose smallest is the best. */
export const DISTANCE = "distance";
