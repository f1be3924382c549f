import { ensemble, lambdaOp, source } from "merlon";

const request = source({ user_id: "int64", price: "float32" });
const launch = new Date("2024-01-01T00:00:00Z").getTime() + new Date(0).getTime();
const noise = launch + Math.random();
const total = request["price"] >> lambdaOp(price => price + 1, { name: `total_${noise}`, dtype: "float32" });

export default ensemble("machine", total);
