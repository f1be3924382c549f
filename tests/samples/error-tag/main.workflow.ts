import { addTags, categorify, fillMissing, source, subgraph, tag, workflow } from "merlon";

const events = source({ user_id: "int64", price: "float32" });
const ids = ["user_id"] >> categorify() >> addTags("user");
const user = subgraph("user", ids[tag("users")]);
const price = ["price"] >> fillMissing(0);
const both = subgraph("part", ids) + subgraph("part", price);

export default workflow("x", user + (price - tag("target", "id")) + both);
