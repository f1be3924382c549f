import { columnSimilarity, differenceLag, groupby, joinExternal, source, workflow } from "merlon";

const events = source({ user_id: "int64", item_id: "int64", brand: "string", seen: "list<int64>", price: "float64" });

const key = events >> joinExternal("items.parquet", { on: "itme_id", columns: { name: "string" } });
const known = events >> joinExternal("items.parquet", { on: "item_id", columns: { brand: "string" } });
const pair = ["item_id"] >> columnSimilarity("categories.parquet");
const by = ["item_id", "price"] >> groupby("user_id", "mean");
const text = ["user_id", "brand"] >> groupby("user_id", { brand: "mean" });
const lists = ["price"] >> differenceLag(events["seen"]);
const nothing = ["price"] >> differenceLag(events["user_id"], { shift: 0 });

export default workflow("faults", key + known + pair + by + text + lists + nothing);
