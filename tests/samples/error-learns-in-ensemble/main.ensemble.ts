import { clip, ensemble, normalize, source } from "merlon";

const request = source({ user_id: "int64", age: "float32" });

export default ensemble("ages", request["age"] >> clip({ min: 0 }) >> normalize());
