import { ensemble, predictForest, rename, source } from "merlon";

const request = source({ age: "float32", price: "float32", visits: "int64", stock: "bool", brand: "int32" });

const shuffled = request >> predictForest("../artefacts/models/xgboost-logistic.json", { features: ["price", "age", "visits", "stock", "brand"] });
const fewer = request >> predictForest("../artefacts/models/lightgbm-multiclass.txt", { features: ["age", "price"] });
const missing = request[["age", "price"]] >> predictForest("../artefacts/models/lightgbm-multiclass.txt");

export default ensemble("forests", (shuffled >> rename({ prefix: "a_" })) + (fewer >> rename({ prefix: "b_" })) + (missing >> rename({ prefix: "c_" })));
