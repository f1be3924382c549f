import { categorify, clip, normalize, rename, source, tag, workflow } from "merlon";

// Written by merlin-core itself.
const events = source.fromSchema("../../fixtures/nvtabular/theirs.schema.json");

const ids = events[tag("categorical")] >> categorify();
const price = ["price"] >> clip({ min: 0 }) >> normalize();

export default workflow("theirs", ids + price + (events[["ids", "vector"]] >> rename(name => `raw_${name}`)));
