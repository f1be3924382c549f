import { ensemble, predictForest, source } from "merlon";

const request = source({ age: "float32", price: "float32", visits: "int64", stock: "bool", brand: "int32" });
const chance = request >> predictForest("../artefacts/models/xgboost-logistic.json", { output: "chance" });
const classes = request >> predictForest("../artefacts/models/lightgbm-multiclass.txt", { features: ["age", "price", "visits", "stock", "brand"], output: "classes" });

export default ensemble("forests", chance + classes);
