import { ensemble, filter, source } from "merlon";

const request = source({ user_id: "int64", age: "float32" });

export default ensemble("adults", request >> filter(row => row.age >= 18));
