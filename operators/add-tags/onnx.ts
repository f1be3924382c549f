export { asTheyAre as addTags } from "../shared/onnx/as-they-are.js";
