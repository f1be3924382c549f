import { categorify, rename, source, workflow } from "merlon";

const events = source({ item_id: "int64", seen: "list<int64>", brand: "string", city: "string", size: "string" });

const joint = [["item_id", "seen"]] >> categorify({ freqThreshold: { item_id_seen: 2 }, numBuckets: { item_id_seen: 10 } });
const combo = [["brand", "city"]] >> categorify({ encodeType: "combo", maxSize: 1000 });
const given = ["size"] >> categorify({ vocabs: { size: ["S", "M", "L"] } });
const stacked = ["brand", "city"] >> categorify({ singleTable: true }) >> rename({ postfix: "_id" });

export default workflow("vocabularies", joint + combo + given + stacked);
