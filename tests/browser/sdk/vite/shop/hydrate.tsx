// The entry point in a browser of pages that a server rendered.

import hardlink from "hardlink-sdk"
import { hydrateRoot } from "react-dom/client"
import { BrowserRouter } from "react-router"
import { App } from "./app"

hardlink.start({
  token: import.meta.env.VITE_KEY,
  target: import.meta.env.VITE_TARGET,
  track: { visits: true },
  ping: { enabled: false },
  batch: 20,
})

hydrateRoot(
  document.getElementById("root")!,
  <BrowserRouter>
    <App />
  </BrowserRouter>,
)
