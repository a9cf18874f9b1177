"""Conditions over traits, attributes and properties: a small language, parsed by hand. Pure.

    orders >= 3 within 90 days and not consents.marketing = false

| part | meaning |
|---|---|
| `name`, `name.part` | a value; by itself: it is there, and neither 0, false nor empty |
| `3`, `-0.5`, `"text"`, `'text'`, `true`, `false`, `null`, `[1, 2]` | itself |
| `=` or `==`, `!=`, `<`, `<=`, `>`, `>=` | numbers and texts are compared with their like |
| `a contains b`, `b in a` | an element of a list, a part of a text |
| `... within 30 days` | the computed traits of the comparison, over the last days |
| `not`, `and`, `or`, `( )` | in this order |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from hardlink.domain.json_types import is_number

MOST_CHARACTERS = 2000
MOST_LEVELS = 32
"""Parentheses and `not` within each other: each costs a call within a call."""


class ExpressionError(ValueError):
    """A text is no expression: the message says at which character, from 1, and why."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(f"character {at + 1}: {message}")


class Name(NamedTuple):
    """A value by its name. `at`: its place in the text. `days`: over the last days alone."""

    path: tuple[str, ...]
    at: int
    days: int | None = None

    def __str__(self) -> str:
        """Format it as it was written."""
        return ".".join(self.path)


class Literal(NamedTuple):
    """A value that stands in the text."""

    value: Any


class Comparison(NamedTuple):
    """Two values, and the operator between them."""

    operator: str
    left: Operand
    right: Operand


class Not(NamedTuple):
    """The contrary of a condition."""

    condition: Expression


class AllOf(NamedTuple):
    """Conditions that hold together."""

    conditions: tuple[Expression, ...]


class AnyOf(NamedTuple):
    """Conditions of which one holds."""

    conditions: tuple[Expression, ...]


Operand: TypeAlias = Name | Literal
Expression: TypeAlias = Name | Literal | Comparison | Not | AllOf | AnyOf
Lookup: TypeAlias = Callable[[Name], Any]
"""Finds the value of a name; `None` where there is none."""


class Condition(NamedTuple):
    """An expression, and every name in it, in their order."""

    expression: Expression
    names: tuple[Name, ...]

    def holds(self, lookup: Lookup) -> bool:
        """Tell whether the condition holds, by the values that `lookup` finds."""
        return evaluate(self.expression, lookup)


class _Token(NamedTuple):
    """A piece of the text. `kind`: a group of `_TOKEN`, or `end`."""

    kind: str
    text: str
    at: int


_WORDS = ("and", "or", "not", "within", "contains", "in", "true", "false", "null")
# A word counts as such only if it is a whole name: `order` begins with `or`.
_TOKEN = re.compile(
    rf"(?P<word>(?:{'|'.join(_WORDS)})(?![\w.-]))"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<name>[^\W\d][\w-]*(?:\.[\w-]+)*)"
    r"|(?P<mark><=|>=|!=|==|[=<>()\[\],])"
    # Anything else fits nowhere, so that the parser names it with its place.
    r"|(?P<other>\S)",
    re.IGNORECASE,
)
RESERVED = frozenset((*_WORDS, "day", "days"))
"""Words of the language, which no trait may be called."""
_CONSTANTS = {"true": True, "false": False, "null": None}
_MARKS = {"=": "=", "==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def parse_expression(text: str) -> Condition:
    """Parse an expression. Raises `ExpressionError`."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(MOST_CHARACTERS, f"at most {MOST_CHARACTERS} characters")
    return _Parser(list(_tokenize(text))).parse()


def evaluate(expression: Expression, lookup: Lookup) -> bool:
    """Tell whether an expression holds.

    `lookup`: finds the value of each name. A value by itself holds as it does in Python: unless it
    is missing, false, zero or empty.
    """
    match expression:
        case Not(condition):
            return not evaluate(condition, lookup)
        case AllOf(conditions):
            return all(evaluate(one, lookup) for one in conditions)
        case AnyOf(conditions):
            return any(evaluate(one, lookup) for one in conditions)
        case Comparison(operator, left, right):
            return _compare(operator, _resolve(left, lookup), _resolve(right, lookup))
        case _:
            return bool(_resolve(expression, lookup))


def find_member(value: object, path: Sequence[str]) -> Any:
    """Follow names into objects; `None` where there is none of that name.

    Without names it is the value itself.
    """
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _tokenize(text: str) -> Iterator[_Token]:
    """Split a text into tokens, with one for its end.

    Words count in any case, so that `AND` is one.
    """
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        found = match[0].lower() if kind == "word" else match[0]
        yield _Token(kind, found, match.start())
    yield _Token("end", "", len(text))


class _Parser:
    """Parses tokens by recursive descent: a method for each level of precedence."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._levels = 0
        self._names: list[Name] = []

    def parse(self) -> Condition:
        """Parse all tokens. Raises `ExpressionError` for the first that fits nowhere."""
        expression = self._parse_any()
        if self._next.kind != "end":
            raise self._unexpected("the end, `and` or `or`")
        return Condition(expression, tuple(self._names))

    @property
    def _next(self) -> _Token:
        """The token that is to be parsed next."""
        return self._tokens[self._place]

    def _take(self, kind: str, *texts: str) -> _Token | None:
        """Take the next token if it is of a kind, and has one of some texts.

        Without texts any token of the kind is taken. `None` leaves everything as it is, so that
        another kind can be tried.
        """
        token = self._next
        if token.kind != kind or (texts and token.text not in texts):
            return None
        self._place += 1
        return token

    def _unexpected(self, wanted: str) -> ExpressionError:
        """Make the error for a token that is none of those that may stand here.

        `wanted`: what may stand here, in words of the language.
        """
        found = repr(self._next.text) if self._next.text else "the end"
        return ExpressionError(self._next.at, f"expected {wanted}, found {found}")

    def _parse_any(self) -> Expression:
        """Parse conditions with `or` in between, which binds less than `and`.

        any := all {"or" all}
        """
        return self._parse_joined("or", self._parse_all, AnyOf)

    def _parse_all(self) -> Expression:
        """Parse conditions with `and` in between.

        all := not {"and" not}
        """
        return self._parse_joined("and", self._parse_not, AllOf)

    def _parse_joined(
        self,
        word: str,
        parse: Callable[[], Expression],
        join: type[AnyOf] | type[AllOf],
    ) -> Expression:
        """Parse conditions with a word in between, and join them; one alone stays as it is."""
        conditions = [parse()]
        while self._take("word", word):
            conditions.append(parse())
        return join(tuple(conditions)) if conditions[1:] else conditions[0]

    def _parse_not(self) -> Expression:
        """Parse a condition, its contrary, or one in parentheses.

        not := "not" not | "(" any ")" | comparison
        """
        if self._take("word", "not"):
            return Not(self._deeper(self._parse_not))
        if self._take("mark", "("):
            inner = self._deeper(self._parse_any)
            if not self._take("mark", ")"):
                raise self._unexpected("`)`")
            return inner
        return self._parse_comparison()

    def _deeper(self, parse: Callable[[], Expression]) -> Expression:
        """Parse what stands within something else. Raises `ExpressionError` beyond the limit."""
        # Each level is a call within a call, and Python has no room for thousands of them.
        self._levels += 1
        if self._levels > MOST_LEVELS:
            raise ExpressionError(self._next.at, f"more than {MOST_LEVELS} levels")
        inner = parse()
        self._levels -= 1
        return inner

    def _parse_comparison(self) -> Expression:
        """Parse a value, or two with an operator in between, and its window.

        comparison := operand [operator operand] ["within" number ("day" | "days")]
        """
        left = self._parse_operand()
        operator = self._parse_operator()
        right = self._parse_operand() if operator else None
        days = self._parse_days()
        left = self._note_name(left, days)
        if operator is None or right is None:
            return left
        return _build_comparison(operator, left, self._note_name(right, days))

    def _note_name(self, operand: Operand, days: int | None) -> Operand:
        """Note a name, with the window of its comparison; any other value stays as it is.

        Whoever evaluates the expression can so prepare its values.
        """
        if isinstance(operand, Name):
            operand = operand._replace(days=days)
            self._names.append(operand)
        return operand

    def _parse_operator(self) -> str | None:
        """Parse an operator, `None` if a value stands by itself."""
        mark = self._take("mark", *_MARKS)
        if mark:
            return _MARKS[mark.text]
        word = self._take("word", "contains", "in")
        return word.text if word else None

    def _parse_operand(self) -> Operand:
        """Parse a name, a list, or a constant.

        operand := name | "[" [constant {"," constant}] "]" | constant
        """
        name = self._take("name")
        if name:
            return Name(tuple(name.text.split(".")), name.at)
        if self._take("mark", "["):
            return Literal(self._parse_list())
        return Literal(self._parse_constant())

    def _parse_list(self) -> list[Any]:
        """Parse the rest of a list."""
        values: list[Any] = []
        while not self._take("mark", "]"):
            if values and not self._take("mark", ","):
                raise self._unexpected("`,` or `]`")
            values.append(self._parse_constant())
        return values

    def _parse_constant(self) -> Any:
        """Parse a word, a text, or a number.

        constant := "true" | "false" | "null" | text | number
        """
        if word := self._take("word", *_CONSTANTS):
            return _CONSTANTS[word.text]
        if text := self._take("text"):
            return text.text[1:-1]
        number = self._take("number")
        if number is None:
            raise self._unexpected("a value")
        return float(number.text) if "." in number.text else int(number.text)

    def _parse_days(self) -> int | None:
        """Parse `within 30 days`; `None` where it does not stand here."""
        if not self._take("word", "within"):
            return None
        number = self._next
        is_whole = number.kind == "number" and number.text.isdigit()
        if not is_whole or int(number.text) < 1:
            raise self._unexpected("a whole number of days")
        self._place += 1
        if not self._take("name", "day", "days"):
            raise self._unexpected("`days`")
        return int(number.text)


def _build_comparison(operator: str, left: Operand, right: Operand) -> Expression:
    """Build a comparison; two operators stand for others, so that there are fewer to compute."""
    if operator == "in":
        return Comparison("contains", right, left)
    if operator == "!=":
        return Not(Comparison("=", left, right))
    return Comparison(operator, left, right)


def _resolve(operand: Expression, lookup: Lookup) -> Any:
    """Return the value of a name or of a literal."""
    if isinstance(operand, Name):
        return lookup(operand)
    return operand.value if isinstance(operand, Literal) else None


def _compare(operator: str, left: object, right: object) -> bool:
    """Compare two values; those that have no order are neither less nor more."""
    if operator == "=":
        return _is_equal(left, right)
    if operator == "contains":
        return _contains(left, right)
    return _order_of(left, right) in _ORDERS[operator]


def _is_equal(left: object, right: object) -> bool:
    """Compare JSON values: `true` is not 1, as it is in Python."""
    return _type_of(left) is _type_of(right) and left == right


def _type_of(value: object) -> type:
    """Return the type of a JSON value; all numbers have the same one."""
    return float if is_number(value) else type(value)


def _order_of(left: Any, right: Any) -> int | None:
    """Order two numbers or two texts: -1, 0 or 1; `None` for anything else.

    A value that is missing has no order, so that a condition on it does not hold.
    """
    # A time is a text, and ISO 8601 sorts as time does.
    common_type = _type_of(left)
    if common_type not in (float, str) or _type_of(right) is not common_type:
        return None
    return int(left > right) - int(left < right)


def _contains(left: object, right: object) -> bool:
    """Tell whether a list has an element, or a text a part.

    Any other value has neither: a trait may be missing, or an attribute a number.
    """
    if isinstance(left, list):
        return any(_is_equal(element, right) for element in left)
    return isinstance(left, str) and isinstance(right, str) and right in left


_ORDERS: Mapping[str, tuple[int, ...]] = {
    "<": (-1,),
    "<=": (-1, 0),
    ">": (1,),
    ">=": (0, 1),
}
"""Orders of two values with which each operator holds."""
