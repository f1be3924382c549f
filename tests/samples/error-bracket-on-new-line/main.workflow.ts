import { clip, source, workflow } from "merlon";

const events = source({ price: "float32", age: "int32" })
const price = events
["age"] >> clip({ min: 0 })

export default workflow("x", price)
