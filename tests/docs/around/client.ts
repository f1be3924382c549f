import { connect } from "merlon/client";
import { type Models, models } from "./models.js";

// BLOCK
console.log(ordered_ids.shape.join(" × "));
