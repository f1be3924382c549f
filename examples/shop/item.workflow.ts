/**
 * The features of a product for the item tower. Fitted on `items.parquet`.
 */
import { addTags, categorify, clip, fillMissing, hashBucket, logOp, normalize, source, workflow } from "merlon";

const items = source({
  item_id: "int64",
  item_brand: "string",
  item_category: "string",
  item_price: "float32",
  item_popularity: "int64",
});

const ids = ["item_id", "item_category"] >> categorify();
const brand = ["item_brand"] >> fillMissing("none") >> hashBucket(256);
const price = ["item_price"] >> fillMissing(100) >> clip({ min: 1, max: 2000 });
const popularity = ["item_popularity"] >> fillMissing(0);
const amounts = price + popularity >> logOp() >> normalize({ outDtype: "float32" });

export default workflow("item", ids + brand + amounts >> addTags("item"));
