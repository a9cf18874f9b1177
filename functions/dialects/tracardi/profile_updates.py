"""What Tracardi's event types say of their visitor beside having happened: identifiers, attributes, consents.

Source: Tracardi 0.8 and 0.9, `consent-update`, `profile-update`, `sign-in`, `sign-up`, `identification` as they are
set up there; `consent-granted` of seed 002. An attribute is named by its place in Tracardi's profile, without `data.`.
An identifier counts where the project declares its type, or a spelling of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from hardlink.domain import values
from hardlink.domain.commands import TRACKING
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.sources import Project

Pairs = Iterator[tuple[str, Any]]

_PLACES: Mapping[str, str] = {
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
    **{
        app: f"contact.app.{app}"
        for app in (
            "twitter",
            "whatsapp",
            "discord",
            "slack",
            "telegram",
            "wechat",
            "viber",
            "signal",
        )
    },
}
"""Where a property of `sign-in`, `sign-up` and `identification` stands in the profile."""
_PARTS = ("pii", "identifier", "contact", "media", "job", "preferences", "loyalty")
"""Of a profile: `profile-update` has properties of the same shape."""
_MAIN = {"contact.email": "contact.email.main", "contact.phone": "contact.phone.main"}
"""One address, where versions before 0.9 know no others."""
_IDENTIFIERS: Mapping[str, tuple[str, ...]] = {
    "identifier.pk": ("pk",),
    "identifier.id": ("id",),
    "identifier.token": ("login", "token"),
    "identifier.passport": ("passport",),
    "identifier.credit_card": ("credit_card",),
    "identifier.badge": ("badge",),
    "contact.email.main": ("email",),
    "contact.phone.main": ("phone",),
}
"""The identifier types, as a project may call them, that a place in the profile is a value of."""


class ProfileUpdate(NamedTuple):
    """What an event says of its visitor. `stays`: it is about whoever is there, and nobody logs in.

    `warnings`: what of it could not be understood; the event is stored all the same.
    """

    ids: Mapping[str, Any] = NOTHING
    attributes: Mapping[str, Any] = NOTHING
    consents: Mapping[str, Any] = NOTHING
    only_current_customer: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether it says anything of its visitor."""
        return bool(self.ids or self.attributes or self.consents)


def of(type_: str, properties: Mapping[str, Any], field: str, project: Project) -> ProfileUpdate:
    """What an event of this type means. `field`: where its properties stand in the call, for the warnings."""
    if type_ in _CONSENTS:
        return _consents(_CONSENTS[type_](properties), field)
    if type_ in _ATTRIBUTES:
        found = list(_ATTRIBUTES[type_](properties))
        meaning = _attributes(found, field, project)
        return meaning._replace(only_current_customer=type_ == "profile-update")
    return ProfileUpdate()


def _attributes(found: list[tuple[str, Any]], field: str, project: Project) -> ProfileUpdate:
    ids: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    warnings: list[str] = []
    for place, value in found:
        try:
            if type_ := _type(place, project):
                _identify(ids, project.identifier(type_, value, f"{field}.{place}"))
        except Invalid as error:
            warnings.append(f"{error.field}: {error.message}")
        warnings += _kept(attributes, place, value, field)
    return ProfileUpdate(ids, attributes, warnings=tuple(warnings))


def _identify(ids: dict[str, Any], node: Any) -> None:
    if ids.setdefault(node.type, node.value) != node.value:
        raise Invalid("another value identifies the visitor in this event already", node.type)


def _type(place: str, project: Project) -> str | None:
    names = _IDENTIFIERS.get(place, ())
    declared = [type_ for name in names if (type_ := project.type_of(name))]
    return next(iter(declared), project.email if names == ("email",) else None)


def _consents(found: Pairs, field: str) -> ProfileUpdate:
    consents: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in found:
        said = _consent(value)
        if name == TRACKING:
            warnings.append(f"{field}.{name}: call /consent to opt out of tracking, or in")
        elif said is None:
            warnings.append(f"{field}.{name}: a consent is true, false, or says when it ends")
        else:
            warnings += _kept(consents, name, said, field)
    return ProfileUpdate(consents=consents, warnings=tuple(warnings))


def _consent(value: object) -> object:
    """A consent that ends some day says so (Tracardi's `revoke`); nothing where it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping) and "revoke" in value:
        return {"revoke": value["revoke"]} if value["revoke"] else True
    return None


def _kept(kept: dict[str, Any], name: str, value: object, field: str) -> list[str]:
    """Keep one value; answers why not."""
    try:
        values.check_values({name: value}, field)
    except Invalid as error:
        return [f"{error.field}: {error.message}"]
    kept[name] = value
    return []


def _named(properties: Mapping[str, Any]) -> Pairs:
    """Properties that have a name of their own each."""
    for name, place in _PLACES.items():
        yield from _leaves(properties.get(name), place)


def _placed(properties: Mapping[str, Any]) -> Pairs:
    """Properties that stand where the profile has them."""
    for part in _PARTS:
        yield from _leaves(properties.get(part), part)


def _leaves(value: object, place: str) -> Pairs:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}")
    elif value is not None:
        yield _MAIN.get(place, place), value


def _granted(properties: Mapping[str, Any]) -> Pairs:
    """Every property is a consent (seed 002)."""
    yield from properties.items()


def _updated(properties: Mapping[str, Any]) -> Pairs:
    """`consents`: name -> what is said; or a list of the names of those that are given, and until when."""
    found = properties.get("consents")
    listed, until = found, None
    if isinstance(found, Mapping) and isinstance(found.get("consents"), list):
        listed, until = found["consents"], found.get("revoke")
    if isinstance(listed, list):
        yield from ((str(name), {"revoke": until}) for name in listed)
    elif isinstance(found, Mapping):
        yield from found.items()


_CONSENTS: Mapping[str, Callable[[Mapping[str, Any]], Pairs]] = {
    "consent-granted": _granted,
    "consent-update": _updated,
}
_ATTRIBUTES: Mapping[str, Callable[[Mapping[str, Any]], Pairs]] = {
    "sign-in": _named,
    "sign-up": _named,
    "identification": _named,
    "profile-update": _placed,
}
TYPES = frozenset({*_CONSENTS, *_ATTRIBUTES})
"""The event types that mean more than that they happened."""
