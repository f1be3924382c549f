/** A session: products in the order in which they were looked at, and their categories beside them. */
import { addTags, categorify, source, tagAsItemId, workflow } from "merlon";

const seen = source({ item_id: "list<int64>", category: "list<string>" });

export default workflow("sessions", (seen["item_id"] >> categorify() >> tagAsItemId()) + (seen["category"] >> categorify() >> addTags("item")));
