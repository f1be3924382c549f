export { asTheyAre as dataStats } from "../shared/onnx/as-they-are.js";
