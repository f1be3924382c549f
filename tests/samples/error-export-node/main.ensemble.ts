import { source } from "merlon";

const request = source({ user_id: "int64" });

export default request["user_id"];
