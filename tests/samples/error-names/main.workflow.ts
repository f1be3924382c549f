import { Categorify, clipp, logOp, source } from "merlon";
import { shared } from "./shared.js";
import { other } from "merlin";
import { readFileSync } from "node:fs";

const events = source({ price: "float32", brand: "string" });
const a = evens["price"] >> logOp();
const b = events["price"] >> normalize();
const c = ["brand"] >> HashBucket(10);
const d = ["brand"] >> PredictTensorflow("model");
const size = Number(process.env.SIZE);

export default workflow("x", a + b + c + d);
