/**
 * The features of a customer and a product for the ranker. Fitted on the training months of `ranking-train.parquet`.
 */
import { addTags, categorify, clip, fillMissing, hashBucket, logOp, normalize, source, workflow } from "merlon";

const pairs = source({
  user_id: "int64",
  favourite_brand: "string",
  favourite_category: "string",
  mean_price: "float32",
  event_count: "int64",
  item_id: "int64",
  item_brand: "string",
  item_category: "string",
  item_price: "float32",
  item_popularity: "int64",
});

const userIds = ["user_id", "favourite_category"] >> categorify({ freqThreshold: 2 }) >> addTags("user");
const itemIds = ["item_id", "item_category"] >> categorify({ freqThreshold: 2 }) >> addTags("item");
// One hash for both sides: the same brand has the same bucket, so the ranker can see that they meet.
const brands = ["favourite_brand", "item_brand"] >> fillMissing("none") >> hashBucket(256);
const prices = ["mean_price", "item_price"] >> fillMissing(100) >> clip({ min: 1, max: 2000 });
const counts = ["event_count", "item_popularity"] >> fillMissing(0);
const amounts = prices + counts >> logOp() >> normalize({ outDtype: "float32" }) >> addTags("continuous");

export default workflow("ranking", userIds + itemIds + brands + amounts);
