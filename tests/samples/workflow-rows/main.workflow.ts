import { columnSimilarity, differenceLag, dropna, groupby, joinExternal, source, workflow } from "merlon";

const events = source({ session_id: "int64", user_id: "int64", item_id: "int64", other_id: "int64", time: "int64" });

const whole = events >> dropna();
const priced = whole >> joinExternal("items.parquet", { on: "item_id", columns: { brand: "string", price: "float32" }, how: "inner" });
const pause = priced["time"] >> differenceLag(priced["user_id"], { shift: [1, -1] });
const alike = priced[[["item_id", "other_id"]]] >> columnSimilarity("categories.parquet", { metric: "cosine" });
const sessions =
  priced[["session_id", "item_id", "brand", "price", "time"]] + pause + alike
  >> groupby("session_id", { item_id: ["list", "nunique"], brand: "last", price: ["sum", "mean"], time: "first" }, { sort: "time" });

export default workflow("rows", sessions);
