import { categorify, fillMissing, normalize, source, workflow } from "merlon";

const users = source({ age: "float32", city: "string" });
const city = ["city"] >> categorify();
const age = ["age"] >> fillMissing(30) >> normalize({ outDtype: "float32" });

export default workflow("user", city + age);
