import { ensemble, source } from "merlon";

const request = source({ user_id: "int64" });

export const first = ensemble("first", request);
export default ensemble("second", request);
