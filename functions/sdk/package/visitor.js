// The adapter `visitor`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/visitor.js"))

export { default } from "./index.js"
