// The adapter `xo`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/xo.js"))

export { default } from "./index.js"
