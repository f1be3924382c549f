import {
  bucketize,
  fillMedian,
  hashedCross,
  joinGroupby,
  listSlice,
  normalizeMinMax,
  rename,
  source,
  targetEncoding,
  workflow,
} from "merlon";

const events = source({ brand: "string", city: "string", price: "float32", age: "int32", seen: "list<int64>", clicked: "bool" });

const price = ["price"] >> fillMedian() >> normalizeMinMax({ outDtype: "float32" });
const age = ["age"] >> bucketize([18, 30, 65]);
const seen = ["seen"] >> listSlice(-3, { pad: true });
const cross = ["brand", "city"] >> hashedCross(100);
const crosses = [["brand", "city"], ["brand", "age"]] >> hashedCross(50) >> rename({ postfix: "_50" });
const encoded = ["brand", ["brand", "city"]] >> targetEncoding(events["clicked"], { pSmooth: 10 });
const joined = [["brand", "city"]] >> joinGroupby(["count", "mean"], price);

export default workflow("features", price + age + seen + cross + crosses + encoded + joined);
