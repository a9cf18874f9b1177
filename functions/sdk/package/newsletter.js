// The adapter `newsletter`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/newsletter.js"))

export { default } from "./index.js"
