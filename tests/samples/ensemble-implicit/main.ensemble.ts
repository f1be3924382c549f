import { ensemble, predictImplicit, source } from "merlon";

const request = source({ user_row: "int64", seen_rows: "list<int64>" });

const liked = request["user_row"] >> predictImplicit("../artefacts/models/als.npz", { topk: 20, exclude: request["seen_rows"], onMissing: "empty" });

export default ensemble("liked", liked);
