// Builds the script that takes over the pages that a server rendered.

import shop from "./vite.config.js"

export default {
  ...shop,
  build: {
    outDir: "hydrated",
    modulePreload: false, // its script would be inline, which a strict policy forbids
    rollupOptions: { input: "hydrate.tsx", output: { entryFileNames: "page.js" } },
  },
}
