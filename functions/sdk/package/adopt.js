// The adapter `adopt`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/adopt.js"))

export { default } from "./index.js"
