// A list in a list is a group of columns. Picks, sums, differences and subgraphs pass it on; the operator uses it up.
import { addTags, hashedCross, joinGroupby, source, subgraph, tag, targetEncoding, workflow } from "merlon";

const events = source({ item: "int64", brand: "string", city: "string", clicked: "bool" });

const places = events[["brand", "city"]] >> addTags("context");
const keys = events[["item", ["item", "brand"]]] + events[["item", ["brand", "city"]]];
const rate = subgraph("keys", keys) >> targetEncoding(events["clicked"]);
const seen = (keys - "city") >> joinGroupby(["count"]);
const cross = (places + events["item"])[[["item", tag("context")]]] >> hashedCross(10);

export default workflow("groups", rate + seen + cross);
