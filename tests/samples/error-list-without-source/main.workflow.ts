import { clip, workflow } from "merlon";

const price = ["price"] >> clip({ min: 0 });

export default workflow("x", price);
