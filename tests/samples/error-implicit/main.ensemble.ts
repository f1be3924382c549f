import { ensemble, predictImplicit, rename, source } from "merlon";

const request = source({ user_row: "int64", user_name: "string", seen: "list<string>" });

const byName = request["user_name"] >> predictImplicit("../artefacts/models/als.npz");
const noFile = request["user_row"] >> predictImplicit("../artefacts/models/bpr.npz");
const otherIds = request["user_row"] >> predictImplicit("../artefacts/models/als.npz", { exclude: request["seen"] });

export default ensemble("liked", (byName >> rename({ prefix: "a_" })) + (noFile >> rename({ prefix: "b_" })) + (otherIds >> rename({ prefix: "c_" })));
