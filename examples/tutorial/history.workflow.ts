/** A product, and its customers: their earlier products, with one vocabulary for both, and their habits. */
import {
  addTags,
  categorify,
  clip,
  fillMissing,
  hashBucket,
  logOp,
  normalize,
  source,
  tagAsItemId,
  tagAsUserFeatures,
  workflow,
} from "merlon";

const seen = source({
  favourite_brand: "string",
  favourite_category: "string",
  mean_price: "float32",
  event_count: "int64",
  history: "list<int64>",
  item_id: "int64",
});

const ids = [["item_id", "history"]] >> categorify({ encodeType: "joint" });
const taste = seen["favourite_category"] >> categorify() >> tagAsUserFeatures();
const brand = seen["favourite_brand"] >> fillMissing("none") >> hashBucket(256) >> tagAsUserFeatures();
const price = seen["mean_price"] >> fillMissing(100) >> clip({ min: 1, max: 2000 });
const visits = seen["event_count"] >> fillMissing(0);
const habits = price + visits >> logOp() >> normalize({ outDtype: "float32" }) >> tagAsUserFeatures();

export default workflow("history", (ids["item_id"] >> tagAsItemId()) + (ids["history"] >> tagAsItemId() >> addTags("sequence")) + taste + brand + habits);
