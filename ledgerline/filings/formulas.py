"""Formulas of derived metrics: arithmetic over metric names, `prior(x)` a year before."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation
from functools import cache

from ledgerline.errors import LedgerlineError

_ARITHMETIC = Context(prec=28)
_OPERATORS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: _ARITHMETIC.add,
    ast.Sub: _ARITHMETIC.subtract,
    ast.Mult: _ARITHMETIC.multiply,
    ast.Div: _ARITHMETIC.divide,
}


@dataclass(frozen=True, slots=True)
class Term:
    """A metric that a formula needs, of the same period or (`prior`) of the year before."""

    metric: str
    prior: bool


class Formula:
    """A parsed formula; `terms` lists what it needs, in order."""

    def __init__(self, text: str):
        try:
            self._tree = ast.parse(text, mode="eval").body
            self.terms = tuple(dict.fromkeys(_terms(self._tree)))
        except (SyntaxError, TypeError) as error:
            raise LedgerlineError(f"not a formula: {text!r} ({error})") from None
        self.text = text

    def value(self, values: dict[Term, Decimal]) -> Decimal | None:
        """The formula's value; None where it has none (division by zero)."""
        try:
            return _value(self._tree, values)
        except (DivisionByZero, InvalidOperation):
            return None


parse = cache(Formula)


def _terms(node: ast.expr) -> list[Term]:
    match node:
        case ast.Name(id=name):
            return [Term(name, prior=False)]
        case ast.Call(func=ast.Name(id="prior"), args=[ast.Name(id=name)]):
            return [Term(name, prior=True)]
        case ast.BinOp(left=left, right=right, op=op) if type(op) in _OPERATORS:
            return _terms(left) + _terms(right)
        case ast.Constant(value=int()):
            return []
    raise TypeError(ast.unparse(node))


def _value(node: ast.expr, values: dict[Term, Decimal]) -> Decimal:
    match node:
        case ast.Name(id=name):
            return values[Term(name, prior=False)]
        case ast.Call(args=[ast.Name(id=name)]):
            return values[Term(name, prior=True)]
        case ast.BinOp(left=left, right=right, op=op):
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.Constant(value=int(number)):
            return Decimal(number)
    raise TypeError(ast.unparse(node))
