/** The usual combinations of tags, under Merlin's names. */
import type { Op } from "../../../compiler/dsl/node.js";
import type { SameRule } from "../../../compiler/dsl/rule.js";
import { addTags } from "../../add-tags/author.js";

/**
 * The column says who the user is: tags `user` and `id`.
 * @example ["user_id"] >> categorify() >> tagAsUserId()
 */
export const tagAsUserId = (): Op<SameRule> => addTags("user", "id");

/**
 * The column says which item it is: tags `item` and `id`.
 * @example ["item_id"] >> categorify() >> tagAsItemId()
 */
export const tagAsItemId = (): Op<SameRule> => addTags("item", "id");

/**
 * Columns that describe the user: tag `user`.
 * @example ["favorite_category"] >> categorify() >> tagAsUserFeatures()
 */
export const tagAsUserFeatures = (): Op<SameRule> => addTags("user");

/**
 * Columns that describe the item: tag `item`.
 * @example ["price"] >> normalize() >> tagAsItemFeatures()
 */
export const tagAsItemFeatures = (): Op<SameRule> => addTags("item");
