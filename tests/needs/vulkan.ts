/** Mesa's software Vulkan device, on which ONNX Runtime's WebGPU provider runs without a GPU. Libraries find it, so there is nothing to export. */
export {};
