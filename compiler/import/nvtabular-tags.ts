/** Tags as NVTabular writes them (`Tags.USER_ID`) → Merlon's, each compound one as its parts. */
import { atomicTags } from "../../operators/shared/author/elementwise.js";

export const tagsOf = (written: readonly string[]): readonly string[] =>
  atomicTags(written.map(tag => (tag.startsWith("Tags.") ? tag.slice("Tags.".length).toLowerCase() : tag)));
