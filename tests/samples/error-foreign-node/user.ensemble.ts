import { ensemble, source } from "merlon";

export const user = source({ user_id: "int64", age: "int32" });

export default ensemble("user", user);
