// The adapter `ecommerce`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/ecommerce.js"))

export { default } from "./index.js"
