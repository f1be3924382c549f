import { addTags, categorify, clip, fillMissing, hashBucket, logOp, normalize, source, workflow } from "merlon";

const events = source({ user_id: "int64", item_id: "int64", brand: "string", price: "float32" });

const ids = events.pick(["user_id", "item_id"]).pipe(categorify({ freqThreshold: 2 })).pipe(addTags("categorical"));
const brand = events.pick("brand").pipe(hashBucket(1000));
const price = events.pick("price").pipe(fillMissing(0)).pipe(clip({ min: 0 })).pipe(logOp()).pipe(normalize());

export default workflow("ranking", ids.plus(brand).plus(price));
