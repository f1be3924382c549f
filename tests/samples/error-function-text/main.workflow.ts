import { filter, lambdaOp, rename, source, workflow } from "merlon";

const events = source({ price: "float32", quantity: "int32" });
const functions = { double: (x: number) => x * 2 };

const a = events["price"] >> lambdaOp(functions.double);
const b = events["quantity"] >> lambdaOp(Math.sqrt) >> rename({ prefix: "b_" });
const c = events >> filter(row => row.prise > 0);
const d = events >> filter(row => row);
const e = events >> lambdaOp((price, quantity) => price * quantty, { name: "e" });
const late = events["quantity"] >> lambdaOp(quantity => quantity * LATER);
const LATER = 3;

export default workflow("x", a + b + c + d + e + late);
