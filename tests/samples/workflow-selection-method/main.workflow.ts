import { addProperties, addTags, categorify, clip, fillMissing, normalize, source, tag, tagAsItemFeatures, tagAsItemId, tagAsUserFeatures, tagAsUserId, workflow } from "merlon";

const events = source({ user_id: "int64", item_id: "int64", age: "float32", price: "float32", label: "int32" });

const tagged = events.pick("user_id").pipe(tagAsUserId())
  .plus(events.pick("item_id").pipe(tagAsItemId()))
  .plus(events.pick("age").pipe(tagAsUserFeatures()))
  .plus(events.pick("price").pipe(tagAsItemFeatures()).pipe(addProperties({ domain: { min: 0, max: 5000 }, unit: "EUR" })))
  .plus(events.pick("label").pipe(addTags("target")));

const features = tagged.minus(tag("target"));
const ids = features.pick(tag("id")).pipe(categorify());
const numbers = features.minus(tag("id")).pick("*").pipe(fillMissing(0)).pipe(clip({ min: 0 })).pipe(normalize());

export default workflow("selection", ids.plus(numbers).plus(tagged.pick(tag("target"))));
