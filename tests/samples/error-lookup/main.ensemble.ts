import { ensemble, lookupCandidates, source } from "merlon";

const request = source({ town: "string", item: "int64", price: "float32", recent: "list<int64>" });

const noTable = request["town"] >> lookupCandidates("../artefacts/tables/none.candidates");
const noColumn = request >> lookupCandidates("../artefacts/tables/popular.candidates", { key: "twon" });
const otherType = request >> lookupCandidates("../artefacts/tables/popular.candidates", { key: "item" });
const several = request >> lookupCandidates("../artefacts/tables/popular.candidates");
const noTableAtAll = request["town"] >> lookupCandidates("../artefacts/index/items.faiss");
const inTurn = request >> lookupCandidates("../artefacts/tables/together.candidates", { key: "recent", scores: true, merge: "roundRobin" });
const oneList = request["town"] >> lookupCandidates("../artefacts/tables/popular.candidates", { everyone: true });

export default ensemble("looked-up", noTable + noColumn + otherType + several + noTableAtAll + inTurn + oneList);
