// The adapter `helloretail`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/helloretail.js"))

export { default } from "./index.js"
