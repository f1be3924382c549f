import { categorify, fillMissing, filter, lambdaOp, normalize, rename, source, subgraph, workflow } from "merlon";

const LIMITS = { price: 500, brands: ["acme", "zeta"] };
const DAY = 24 * 60 * 60;

const events = source({
  user_id: "int64",
  event_time: "int64",
  price: "float32",
  quantity: "int32",
  brand: "string",
  category_code: "string",
  views: "list<int64>",
});

const bought = events.pipe(filter(row => row.price > 0 && row.quantity != null));

const spent = bought.pipe(lambdaOp((price, quantity) => Math.log1p(Math.min(price, LIMITS.price) * quantity), { name: "spent" }));
const level = bought.pipe(lambdaOp(({ category_code = "none.none" }) => category_code.split(".")[0], { name: "level" }));
const known = bought.pick("brand").pipe(lambdaOp(brand => LIMITS.brands.includes(brand?.toLowerCase()), { name: "is_known" }));
const moment = bought.pick("event_time").pipe(lambdaOp(seconds => {
  const date = new Date(seconds * 1000);
  const hour = date.getUTCHours();
  if (hour < 6) return -1;
  return date.getUTCDay() * 24 + hour;
}, { name: "moment", dtype: "int32" }));
const age = bought.pick("event_time").pipe(lambdaOp(t => Math.floor(t / DAY))).pipe(rename(name => name.replace("event_time", "day")));
const seen = bought.pipe(lambdaOp((views, user_id) => (views.length > 0 ? views[0] : user_id), { name: "last_seen", dtype: "int64" }));

const user = subgraph("user", bought.pick("user_id").pipe(categorify()));
const item = subgraph("item", spent.pipe(fillMissing(0)).pipe(normalize()).plus(level.pipe(categorify())).plus(known));

export default workflow("functions", user.plus(item).plus(moment).plus(age).plus(seen));
