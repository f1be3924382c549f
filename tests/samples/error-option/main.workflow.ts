import { addProperties, bucketize, categorify, clip, hashBucket, listSlice, normalize, source, workflow } from "merlon";

const events = source({ price: "float32", brand: "string", ids: "list<int64>" });
const loop: unknown[] = [];
loop.push(loop);
const a = ["price"] >> clip({ minimum: 0 });
const b = ["price"] >> clip({ min: "0" });
const c = ["price"] >> clip(0);
const d = ["brand"] >> categorify({ freq_threshold: 2 });
const e = ["brand"] >> categorify({ outDtype: "int16" });
const f = ["brand"] >> hashBucket(0);
const g = ["brand"] >> hashBucket(2.5);
const h = ["brand"] >> hashBucket();
const i = ["price"] >> normalize({ outDtype: "float" });
const j = ["price"] >> bucketize([3, 1]);
const l = ["price"] >> addProperties({ made: new Date(0) });
const m = ["price"] >> addProperties({ by: () => 1 });
const n = ["price"] >> addProperties({ loop });
const o = ["price"] >> clip({ min: 1, max: 0 });
const unused = ["price"] >> clip({ maximum: 0 });
const odd = ["price"] >> clip({ max: "0" });
const p = ["price"] >> clip({ min: 10n });

export default workflow("x", a + b + c + d + e + f + g + h + i + j + l + m + n + o + p);
