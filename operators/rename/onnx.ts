export { asTheyAre as rename } from "../shared/onnx/as-they-are.js";
