export { asTheyAre as addProperties } from "../shared/onnx/as-they-are.js";
