/** Ratings of films: ids and features of both sides, as the lab's models read them. Fitted on `ratings-train.parquet`. */
import { categorify, source, subgraph, tagAsItemFeatures, tagAsItemId, tagAsUserFeatures, tagAsUserId, workflow } from "merlon";

const ratings = source({
  user_id: "int64",
  item_id: "int64",
  age: "int64",
  gender: "string",
  occupation: "string",
  release_year: "int64",
  genres: "list<string>",
});

const user = ["user_id"] >> categorify() >> tagAsUserId();
const person = ["age", "gender", "occupation"] >> categorify() >> tagAsUserFeatures();
const item = ["item_id"] >> categorify() >> tagAsItemId();
const film = ["release_year", "genres"] >> categorify() >> tagAsItemFeatures();

export default workflow("ratings", subgraph("viewer", user + person) + subgraph("film", item + film));
