// Merlin's "session → top k": the items of a session, of any length, into a session encoder; the nearest items not in the session.
import { ensemble, filterCandidates, predictOnnx, queryFaiss, source } from "merlon";

const request = source({ session: "list<int64>" });
const query = request >> predictOnnx("../artefacts/models/session_encoder.onnx", { pad: { session: { side: "right" } } });
const nearest = query["query_embedding"] >> queryFaiss("../artefacts/index/items.faiss", { topk: 12 });

export default ensemble("session", nearest["candidate_ids"] >> filterCandidates(request["session"]));
