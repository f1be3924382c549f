import { ensemble, source } from "merlon";

const request = source({ user_id: "int64", age: "int32" });

export default ensemble("x", [request["user_id"], request["age"]]);
