import { categorify, dataStats, dropLowCardinality, median, reduceDtypeSize, source, valueCount, workflow } from "merlon";

const events = source({ brand: "string", is_new: "bool", age: "int64", price: "float64", seen: "list<int64>" });

const ids = ["brand", "is_new"] >> categorify() >> dropLowCardinality(5);
const numbers = ["age", "price"] >> dataStats() >> median() >> reduceDtypeSize();
const seen = ["seen"] >> categorify() >> valueCount();

export default workflow("learnt_schema", ids + numbers + seen);
