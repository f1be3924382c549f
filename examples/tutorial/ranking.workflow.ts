/**
 * The features of a customer and a product for a ranker: ids, brands in one hash so that it can cross them, log amounts, normalized.
 */
import { addTags, categorify, clip, fillMissing, hashBucket, logOp, normalize, source, tagAsItemId, tagAsUserId, workflow } from "merlon";

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

const user = pairs["user_id"] >> categorify({ freqThreshold: 2 }) >> tagAsUserId();
const item = pairs["item_id"] >> categorify({ freqThreshold: 2 }) >> tagAsItemId();
// One vocabulary for both sides, as one hash for both brands: a model can see that they meet.
const categories = [["favourite_category", "item_category"]] >> categorify({ encodeType: "joint" });
const brands = pairs[["favourite_brand", "item_brand"]] >> fillMissing("none") >> hashBucket(256);
const prices = pairs[["mean_price", "item_price"]] >> fillMissing(100) >> clip({ min: 1, max: 2000 });
const counts = pairs[["event_count", "item_popularity"]] >> fillMissing(0);
const amounts = prices + counts >> logOp() >> normalize({ outDtype: "float32" }) >> addTags("continuous");

export default workflow("ranking", user + item + categories + brands + amounts);
