import { addTags, hashedCross, joinGroupby, source, subgraph, tag, targetEncoding, workflow } from "merlon";

const events = source({ item: "int64", brand: "string", city: "string", clicked: "bool" });

const places = events.pick(["brand", "city"]).pipe(addTags("context"));
const keys = events.pick(["item", ["item", "brand"]]).plus(events.pick(["item", ["brand", "city"]]));
const rate = subgraph("keys", keys).pipe(targetEncoding(events.pick("clicked")));
const seen = keys.minus("city").pipe(joinGroupby(["count"]));
const cross = places.plus(events.pick("item")).pick([["item", tag("context")]]).pipe(hashedCross(10));

export default workflow("groups", rate.plus(seen).plus(cross));
