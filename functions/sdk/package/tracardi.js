// The adapter `tracardi`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/tracardi.js"))

export { default } from "./index.js"
