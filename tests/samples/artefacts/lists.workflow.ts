import { categorify, fillMissing, hashBucket, hashedCross, lambdaOp, listSlice, rename, source, workflow } from "merlon";

const visits = source({ city: "string", age: "float32", words: "list<string>", bought: "list<int64>" });
const words = visits["words"] >> categorify({ numBuckets: 3 });
const first = visits["words"] >> listSlice(0, 2, { pad: true, padValue: "" }) >> hashBucket(9) >> rename({ name: "first" });
const last = visits["bought"] >> listSlice(-3) >> rename({ name: "last" });
const many = visits["bought"] >> lambdaOp(bought => (bought.length > 0 ? bought.at(-1) : -1), { name: "many" });
const cross = visits[["city", "age"]] >> hashedCross(50) >> rename({ name: "cross" });
const city = visits["city"] >> fillMissing("nowhere") >> categorify();

export default workflow("lists", words + first + last + many + cross + city);
