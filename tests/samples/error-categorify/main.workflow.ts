import { categorify, source, workflow } from "merlon";

const events = source({ item_id: "int64", seen: "list<int64>", brand: "string", city: "string" });

const unknown = ["brand"] >> categorify({ freqThreshold: { brnad: 2 } });
const dtypes = [["item_id", "brand"]] >> categorify();
const lists = [["item_id", "seen"]] >> categorify({ encodeType: "combo" });
const twice = [["brand", "city"], "brand"] >> categorify();
const both = ["city"] >> categorify({ freqThreshold: 2, maxSize: 100 });

export default workflow("faults", unknown + dtypes + lists + twice + both);
