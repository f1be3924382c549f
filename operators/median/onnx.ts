export { asTheyAre as median } from "../shared/onnx/as-they-are.js";
