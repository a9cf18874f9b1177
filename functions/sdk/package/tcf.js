// The adapter `tcf`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/tcf.js"))

export { default } from "./index.js"
