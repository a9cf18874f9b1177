export default { esbuild: { jsx: "automatic" }, logLevel: "error" }
