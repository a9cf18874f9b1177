// The HTML that a server answers for an address: the page as it is rendered, and the script that takes it over.

import { App } from "./app"
import { renderToString } from "react-dom/server"
import { StaticRouter } from "react-router"

const [address, script] = process.argv.slice(2)
const body = renderToString(
  <StaticRouter location={address}>
    <App />
  </StaticRouter>,
)
console.log(`<div id="root">${body}</div><script type="module" src="${script}"></script>`)
