/** Viewer and film alone: what NCF scores. Its ids are those of `ratings.workflow.ts`, fitted on the same rows. */
import { categorify, source, tagAsItemId, tagAsUserId, workflow } from "merlon";

const ratings = source({ user_id: "int64", item_id: "int64" });

export default workflow("ids", (ratings["user_id"] >> categorify() >> tagAsUserId()) + (ratings["item_id"] >> categorify() >> tagAsItemId()));
