import { categorify, clip, hashBucket, rename, source, workflow } from "merlon";

const events = source({ brand: "string", price: "float32", user_id: "int64" });
const a = ["price"] >> clip({});
const b = ["price"] >> clip({ min: 3, max: 1 });
const c = ["brand"] >> categorify({ freqThreshold: 2, maxSize: 10 });
const d = ["brand"] >> hashBucket(0);
const e = ["user_id", "brand"] >> rename({ name: "one" });
const f = events["price"] >> clip({ mn: 0 } as never);

export default workflow("x", a + b + c + d + e + f);
