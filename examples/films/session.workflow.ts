/** The films someone saw, in order. Fitted on `sessions-train.parquet`; a model of it takes raw film ids. */
import { categorify, source, tagAsItemId, workflow } from "merlon";

const seen = source({ item_id: "list<int64>" });

export default workflow("session", ["item_id"] >> categorify() >> tagAsItemId());
