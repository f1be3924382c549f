import { addProperties, addTags, categorify, clip, fillMissing, normalize, source, tag, tagAsItemFeatures, tagAsItemId, tagAsUserFeatures, tagAsUserId, workflow } from "merlon";

const events = source({ user_id: "int64", item_id: "int64", age: "float32", price: "float32", label: "int32" });

const tagged =
  (["user_id"] >> tagAsUserId()) +
  (["item_id"] >> tagAsItemId()) +
  (["age"] >> tagAsUserFeatures()) +
  (["price"] >> tagAsItemFeatures() >> addProperties({ domain: { min: 0, max: 5000 }, unit: "EUR" })) +
  (["label"] >> addTags("target"));

const features = tagged - tag("target");
const ids = features[tag("id")] >> categorify();
const numbers = (features - tag("id"))["*"] >> fillMissing(0) >> clip({ min: 0 }) >> normalize();

export default workflow("selection", ids + numbers + tagged[tag("target")]);
