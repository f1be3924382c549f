import { logOp, source, workflow } from "merlon";

const events = source({ user_id: "int64", price: "float32" });
const logged = ["price"] >> logOp();

export default workflow("x", events + logged);
