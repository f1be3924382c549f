import { ensemble, explode, shadow, source } from "merlon";

const request = source({ popular_ids: "list<int64>", viewed_ids: "list<int64>", liked_ids: "list<int64>" });

const popular = request["popular_ids"] >> explode({ name: "id" });
const liked = request["liked_ids"] >> explode({ name: "id" });
const viewed = request["viewed_ids"] >> explode({ name: "id" }) >> shadow(liked);

export default ensemble("beside", popular >> shadow(viewed));
