// The adapter `profile`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/profile.js"))

export { default } from "./index.js"
