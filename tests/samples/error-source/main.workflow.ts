import { clip, source, workflow } from "merlon";

const a = source({ price: "float", id: "i64", name: "str", ids: "int64[]", seen: "list<in64>", at: 8, vector: "float32[64]" });
const b = source({});
const c = source(["price"]);
const d = source(clip);
const e = source({ price: "float32", score: clip });

export default workflow("x", a + b + c + d + e);
