// The adapter `debug`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/debug.js"))

export { default } from "./index.js"
