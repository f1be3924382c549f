import { groupby, source, workflow } from "merlon";

const clicks = source({ session_id: "int64", item_id: "int64", age: "float32" });

export default workflow("sessions", clicks >> groupby("session_id", { item_id: ["list", "count"], age: "max" }));
