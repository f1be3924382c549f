import { addTags, categorify, clip, fillMissing, hashBucket, logOp, normalize, source, workflow } from "merlon";

const events = source({ user_id: "int64", item_id: "int64", brand: "string", price: "float32" });

const ids = events[["user_id", "item_id"]] >> categorify({ freqThreshold: 2 }) >> addTags("categorical");
const brand = ["brand"] >> hashBucket(1000);
const price = ["price"] >> fillMissing(0) >> clip({ min: 0 }) >> logOp() >> normalize();
const n = 1 + 2;

export default workflow("ranking", ids + brand + price);
