// The adapter `consentmode`, imported before or beside the SDK.

import { addAdapter } from "./loading.js"

addAdapter(() => import("../served/consentmode.js"))

export { default } from "./index.js"
