"""The HTML that a shop pastes into its pages, for outputs, local service and documentation."""

from __future__ import annotations

import json
from string import Template

from hardlink.domain.sources.registry import Source, Sources

_SNIPPET = Template("""\
<script>
  // queues calls until the SDK is loaded
  window.hardlink ||= (q => {
    const stub = path => new Proxy(() => {}, {
      get: (_, name) => name === "q" ? q : name === "then" ? undefined : stub([...path, name]),
      apply(_, __, args) {
        const result = new Promise((resolve, reject) => q.push({path, args, resolve, reject}))
        result.catch(() => {})
        return result
      },
    })
    return stub([])
  })([])
  hardlink.start({token: $key, target: "$url", track: {visits: true}})
</script>
<script async src="$url/sdk.js"></script>""")


def render_snippet(url: str, write_key: str) -> str:
    """Render HTML that loads the SDK and tracks page visits.

    `hardlink.track(type, properties)` tracks more.
    """
    return _SNIPPET.substitute(
        url=url, key=json.dumps(write_key).replace("<", "\\u003c")
    )


def render_debug_snippet(url: str, write_key: str) -> str:
    """Render the snippet for a page that is being built: mistakes are told in its console."""
    return render_snippet(url, write_key).replace("/sdk.js", "/sdk.js?with=debug")


def first_browser_source(sources: Sources) -> Source | None:
    """The first source that pages may call from."""
    return next((source for source in sources.sources.values() if source.origins), None)
