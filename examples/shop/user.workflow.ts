/**
 * The features of a customer for the query tower. Fitted on `users.parquet`; unknown customers and missing values get ids and numbers too.
 */
import { addTags, categorify, clip, fillMissing, hashBucket, logOp, normalize, source, workflow } from "merlon";

const users = source({
  user_id: "int64",
  favourite_brand: "string",
  favourite_category: "string",
  mean_price: "float32",
  event_count: "int64",
});

const ids = ["user_id", "favourite_category"] >> categorify();
const brand = ["favourite_brand"] >> fillMissing("none") >> hashBucket(256);
// Prices and counts spread over orders of magnitude: their logarithms are what a model can add up.
const price = ["mean_price"] >> fillMissing(100) >> clip({ min: 1, max: 2000 });
const count = ["event_count"] >> fillMissing(0);
const amounts = price + count >> logOp() >> normalize({ outDtype: "float32" });

export default workflow("user", ids + brand + amounts >> addTags("user"));
