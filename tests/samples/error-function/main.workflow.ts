import { lambdaOp, rename, source, workflow } from "merlon";

const events = source({ price: "float32", quantity: "int32", brand: "string", ids: "list<int64>", time: "int64", flag: "bool" });
const scale = (x: number) => x * 2;
let counter = 0;

const a = events >> lambdaOp((price, amount) => price * amount, { name: "a" });
const b = events >> lambdaOp((price, brand) => price * brand, { name: "b" });
const c = events >> lambdaOp(price => Math.random() * price, { name: "c" });
const d = events["brand"] >> lambdaOp(brand => /^a/.test(brand));
const e = events["time"] >> lambdaOp(time => new Date(time).getHours());
const f = events["price"] >> lambdaOp(price => scale(price));
const g = events["price"] >> lambdaOp(price => { counter += price; return counter; });
const h = events >> lambdaOp((ids, price) => ids.map((id: number) => id + price), { name: "h" });
const i = events >> lambdaOp((brand, price) => brand === price, { name: "i" });
const j = events >> lambdaOp((brand, price) => brand < "m" ? price : brand, { name: "j" });
const k = events["brand"] >> lambdaOp(brand => brand.toLowercase());
const l = events["price"] >> lambdaOp(price => Math.loglp(price));
const m = events["ids"] >> lambdaOp(ids => ids);
const n = events >> lambdaOp((price, flag) => price + flag, { name: "n" });
const o = events["price"] >> lambdaOp(async price => price);
const p = events["price"] >> lambdaOp(price => price | 0, { dtype: "string" });
const q = events["price"] >> lambdaOp(price => price * 2, { dtype: "string" });
const r = events["price"] >> rename(name => name.slice(100));
const s = events["price"] >> lambdaOp(price => { for (const x of [1]) return x; return price; });
const t = events["brand"] >> lambdaOp(brand => Math.max(brand, 1));
const u = events["brand"] >> lambdaOp(brand => brand.startsWith());

export default workflow("x", a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s + t + u);
