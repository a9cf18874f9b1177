// The adapter `visits`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/visits.js"))

export { default } from "./index.js"
