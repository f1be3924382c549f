/** Both towers' columns. `subgraph("customer")` is the query's side when serving; the item's side is embedded beforehand. */
import {
  categorify,
  clip,
  fillMissing,
  hashBucket,
  logOp,
  normalize,
  source,
  subgraph,
  tagAsItemFeatures,
  tagAsItemId,
  tagAsUserFeatures,
  tagAsUserId,
  workflow,
} from "merlon";

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

const user = pairs["user_id"] >> categorify() >> tagAsUserId();
const taste = pairs["favourite_category"] >> categorify() >> tagAsUserFeatures();
const brand = pairs["favourite_brand"] >> fillMissing("none") >> hashBucket(256) >> tagAsUserFeatures();
const price = pairs["mean_price"] >> fillMissing(100) >> clip({ min: 1, max: 2000 });
const visits = pairs["event_count"] >> fillMissing(0);
const habits = price + visits >> logOp() >> normalize({ outDtype: "float32" }) >> tagAsUserFeatures();

const item = pairs["item_id"] >> categorify() >> tagAsItemId();
const category = pairs["item_category"] >> categorify() >> tagAsItemFeatures();
const maker = pairs["item_brand"] >> fillMissing("none") >> hashBucket(256) >> tagAsItemFeatures();
const cost = pairs["item_price"] >> fillMissing(100) >> clip({ min: 1, max: 2000 });
const popularity = pairs["item_popularity"] >> fillMissing(0);
const amounts = cost + popularity >> logOp() >> normalize({ outDtype: "float32" }) >> tagAsItemFeatures();

export default workflow("pairs", subgraph("customer", user + taste + brand + habits) + subgraph("product", item + category + maker + amounts));
