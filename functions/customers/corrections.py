"""POST /customers/merge, /customers/remove-identifier, /customers/undo: what a shop corrects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardlink.domain.errors import Invalid
from hardlink.domain.graph import Node
from hardlink.domain.sources.registry import Project
from hardlink.queries.api import ReadApi
from hardlink.services.administration import Administration
from hardlink.services.corrections import Correction
from hardlink.web.request import Request


class CorrectionCalls:
    """The calls of one project at a time. `projects`: by name."""

    def __init__(
        self,
        projects: Mapping[str, Project],
        queries: ReadApi,
        administration: Administration,
    ) -> None:
        self._projects = projects
        self._queries = queries
        self._administration = administration

    def merge(self, project_id: str, request: Request) -> dict[str, Any]:
        """Make the customer `from` part of the customer `into`; with `preview`, only show it.

        Answers both as they were, the values in which they differ, and the `evidence` by which the
        merge is undone; it is null where nothing was changed. Raises `Invalid`, `NotFound`,
        `Refused`.
        """
        body = _read_body(request)
        absorbed = self._parse(project_id, body, "from")
        into = self._parse(project_id, body, "into")
        shown = self._queries.preview_merge(project_id, absorbed, into)
        if body.get("preview"):
            return {**shown, "evidence": None}
        merged = self._administration.merge_customers(
            project_id, absorbed, into, request.id
        )
        return {**shown, **_describe(merged)}

    def remove_identifier(self, project_id: str, request: Request) -> dict[str, Any]:
        """Take an `identifier` off a `customer`. Raises `Invalid`, `NotFound`, `Refused`."""
        body = _read_body(request)
        removed = self._administration.remove_identifier(
            project_id,
            self._parse(project_id, body, "identifier"),
            self._parse(project_id, body, "customer"),
            request.id,
        )
        return _describe(removed)

    def undo(self, project_id: str, request: Request) -> dict[str, Any]:
        """Undo a merge or a removal by an `identifier` of it and its `evidence`.

        Raises `Invalid`, `NotFound`, `Refused`.
        """
        body = _read_body(request)
        evidence = body.get("evidence")
        if not isinstance(evidence, str):
            raise Invalid("send the evidence of the correction", "evidence")
        undone = self._administration.undo_correction(
            project_id, self._parse(project_id, body, "identifier"), evidence
        )
        return _describe(undone)

    def _parse(self, project_id: str, body: Mapping[str, Any], field: str) -> Node:
        """Parse the one identifier in a field of the body. Raises `Invalid` naming the field."""
        ids = body.get(field)
        if not isinstance(ids, Mapping) or len(ids) != 1:
            raise Invalid("send one identifier, as {type: value}", field)
        ((type_, value),) = ids.items()
        return self._projects[project_id].parse_node(type_, value, f"{field}.{type_}")


def _read_body(request: Request) -> Mapping[str, Any]:
    """Read the body of a correction. Raises `Invalid` where it is no object."""
    body = request.json
    if not isinstance(body, Mapping):
        raise Invalid("send a JSON object")
    return body


def _describe(correction: Correction) -> dict[str, Any]:
    """Describe what was changed, and the `evidence` by which it is undone."""
    return {
        "customer": correction.customer._asdict(),
        "evidence": correction.evidence,
    }
