"""Event types that change the profile: they set identifiers, attributes and consents.

Source: Tracardi 0.8 and 0.9 (`consent-update`, `profile-update`, `sign-in`, `sign-up` and
`identification` as they are set up there); `consent-granted` of seed 002. An attribute is named by
its path in Tracardi's profile, without `data.`. A value identifies the visitor where the project
declares its type, or a spelling of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hardlink.domain import values
from hardlink.domain.commands import TRACKING
from hardlink.domain.errors import Invalid, located_message
from hardlink.domain.graph import NOTHING, Node
from hardlink.domain.json_types import as_object
from hardlink.domain.sources.registry import Project

Properties = Mapping[str, Any]
Pairs = Iterator[tuple[str, Any]]

_PROFILE_PATHS: Mapping[str, str] = {
    "firstname": "pii.firstname",
    "lastname": "pii.lastname",
    "pk": "identifier.pk",
    "id": "identifier.id",
    "login": "identifier.token",
    "passport": "identifier.passport",
    "credit_card": "identifier.credit_card",
    "badge": "identifier.badge",
    "email": "contact.email",
    "phone": "contact.phone",
    "twitter": "contact.app.twitter",
    "whatsapp": "contact.app.whatsapp",
    "discord": "contact.app.discord",
    "slack": "contact.app.slack",
    "telegram": "contact.app.telegram",
    "wechat": "contact.app.wechat",
    "viber": "contact.app.viber",
    "signal": "contact.app.signal",
}
"""Property of `sign-in`, `sign-up` and `identification` -> path in the profile."""
_PROFILE_PARTS = (
    "pii",
    "identifier",
    "contact",
    "media",
    "job",
    "preferences",
    "loyalty",
)
"""Properties of `profile-update`, which have the profile's own shape."""
_MAIN_PATHS = {
    "contact.email": "contact.email.main",
    "contact.phone": "contact.phone.main",
}
"""Versions before 0.9 know one address and one phone number."""
_TYPE_NAMES: Mapping[str, tuple[str, ...]] = {
    "identifier.pk": ("pk",),
    "identifier.id": ("id",),
    "identifier.token": ("login", "token"),
    "identifier.passport": ("passport",),
    "identifier.credit_card": ("credit_card",),
    "identifier.badge": ("badge",),
    "contact.email.main": ("email",),
    "contact.phone.main": ("phone",),
}
"""Path in the profile -> names under which a project may declare it as an identifier type."""
_ADDRESS_PATH = "contact.email.main"


class ProfileUpdate(NamedTuple):
    """The changes of events on the profile.

    `only_current_customer`: the identifiers belong to the current customer, and are no log-in.
    `warnings`: about values that were left out; the event is stored all the same.
    """

    ids: Mapping[str, Any] = NOTHING
    attributes: Mapping[str, Any] = NOTHING
    consents: Mapping[str, Any] = NOTHING
    only_current_customer: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def changes_profile(self) -> bool:
        """True if it sets anything."""
        return bool(self.ids or self.attributes or self.consents)


def read_profile_update(
    type_: str, properties: Properties, field: str, project: Project
) -> ProfileUpdate:
    """Translate an event of this type.

    `field`: where its properties stand in the call, such as `events[0].properties`, for the
    warnings. A type that changes nothing makes an empty update.
    """
    if type_ in _CONSENT_READERS:
        return _read_consents(_CONSENT_READERS[type_](properties), field)
    if type_ in _ATTRIBUTE_READERS:
        update = _read_attributes(_ATTRIBUTE_READERS[type_](properties), field, project)
        return update._replace(only_current_customer=type_ == "profile-update")
    return ProfileUpdate()


def _read_attributes(pairs: Pairs, field: str, project: Project) -> ProfileUpdate:
    """Read attributes, and identifiers among them.

    `field`: where the properties of the event stand in the call, for the warnings.
    """
    ids: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    warnings: list[str] = []
    for path, value in pairs:
        type_ = _identifier_type(path, project)
        if type_ is not None:
            warnings += _add_identifier(ids, project, type_, value, f"{field}.{path}")
        # Also where it identifies: Tracardi's profile shows it among its attributes.
        warnings += _add_value(attributes, path, value, field)
    return ProfileUpdate(ids, attributes, warnings=tuple(warnings))


def _add_identifier(
    ids: dict[str, Any], project: Project, type_: str, value: object, field: str
) -> list[str]:
    """Add an identifier of this type; return a warning instead where it cannot identify."""
    try:
        _add_node(ids, project.parse_node(type_, value, field))
    except Invalid as error:
        return [located_message(error)]
    return []


def _add_node(ids: dict[str, Any], node: Node) -> None:
    """Add an identifier. Raises `Invalid` where the event names another one of its type."""
    if ids.setdefault(node.type, node.value) != node.value:
        raise Invalid(
            "another value in this event identifies the visitor already", node.type
        )


def _identifier_type(path: str, project: Project) -> str | None:
    """Find the identifier type that the project declares for a path of the profile.

    `None` for a path that identifies nobody in this project.
    """
    for name in _TYPE_NAMES.get(path, ()):
        type_ = project.find_type(name)
        if type_:
            return type_
    if path == _ADDRESS_PATH:
        return project.email_type  # which a project calls as it likes
    return None


def _read_consents(pairs: Pairs, field: str) -> ProfileUpdate:
    """Read consents. One that is not usable costs a warning, and no other consent.

    An opt-out of tracking takes a call of its own, as it decides about what is stored at all.
    """
    consents: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in pairs:
        if name == TRACKING:
            warnings.append(
                f"{field}.{name}: call /consent to opt out of tracking, or in"
            )
        elif not _is_consent(value):
            warnings.append(
                f"{field}.{name}: a consent must be true, false or {{revoke: time}}"
            )
        else:
            warnings += _add_value(consents, name, _read_consent(value), field)
    return ProfileUpdate(consents=consents, warnings=tuple(warnings))


def _is_consent(value: object) -> bool:
    """Tell whether a value is a consent: true, false or `{"revoke": time}`."""
    return isinstance(value, bool) or "revoke" in as_object(value)


def _read_consent(value: object) -> object:
    """Read a consent (`_is_consent`): true, false, or the time at which it ends (`revoke`)."""
    if not isinstance(value, Mapping):
        return value
    revoke = value["revoke"]
    if not revoke:
        return True  # an empty time never comes: the consent is given for good
    return {"revoke": revoke}


def _add_value(
    target: dict[str, Any], name: str, value: object, field: str
) -> list[str]:
    """Add a value; return a warning instead where it cannot be stored."""
    try:
        values.check_value(name, value, field)
    except Invalid as error:
        return [located_message(error)]
    target[name] = value
    return []


def _read_named_properties(properties: Properties) -> Pairs:
    """Read the properties of a log-in event, which have no place of their own in the profile."""
    for name, path in _PROFILE_PATHS.items():
        yield from _flatten(properties.get(name), path)


def _read_profile_parts(properties: Properties) -> Pairs:
    """Read the parts of a `profile-update`, each an object like the profile's own."""
    for part in _PROFILE_PARTS:
        yield from _flatten(properties.get(part), part)


def _flatten(value: object, path: str) -> Pairs:
    """List the values of nested objects by their paths; nulls are left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, f"{path}.{name}")
    elif value is not None:
        yield _MAIN_PATHS.get(path, path), value


def _read_granted_consents(properties: Properties) -> Pairs:
    """Read the properties of `consent-granted`, each of which is a consent (seed 002)."""
    yield from properties.items()


def _read_updated_consents(properties: Properties) -> Pairs:
    """`consents` maps names to consents, or lists the names of those that are given.

    A list may stand in an object that says when they end (`{"consents": [...], "revoke": ...}`).
    """
    consents = properties.get("consents")
    if isinstance(consents, list):
        yield from _read_listed_consents(consents, None)
        return
    named = as_object(consents)
    listed = named.get("consents")
    if isinstance(listed, list):
        yield from _read_listed_consents(listed, named.get("revoke"))
    else:
        yield from named.items()


def _read_listed_consents(names: Iterable[object], revoke: object) -> Pairs:
    """Read a list of names as consents that are given until a time; without one, for good."""
    for name in names:
        yield str(name), {"revoke": revoke}


_CONSENT_READERS: Mapping[str, Callable[[Properties], Pairs]] = {
    "consent-granted": _read_granted_consents,
    "consent-update": _read_updated_consents,
}
_ATTRIBUTE_READERS: Mapping[str, Callable[[Properties], Pairs]] = {
    "sign-in": _read_named_properties,
    "sign-up": _read_named_properties,
    "identification": _read_named_properties,
    "profile-update": _read_profile_parts,
}
UPDATING_TYPES = frozenset({*_CONSENT_READERS, *_ATTRIBUTE_READERS})
"""The event types that change the profile."""
