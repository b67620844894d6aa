"""Formulas of derived metrics: arithmetic over metric names, `prior(x)` a year before."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, InvalidOperation
from functools import cache

from ledgerline.errors import LedgerlineError

_ARITHMETIC = Context(prec=28)
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


@dataclass(frozen=True, slots=True)
class Term:
    """A metric that a formula needs, of the same period or (`prior`) of the year before."""

    metric: str
    prior: bool


class Formula:
    """A parsed formula; `terms` lists what it needs, in order."""

    def __init__(self, text: str):
        try:
            tree = ast.parse(text, mode="eval").body
            self.terms = tuple(dict.fromkeys(_terms(tree)))
            self._compiled = _compiled(tree, self.terms)
        except (SyntaxError, TypeError) as error:
            raise LedgerlineError(f"not a formula: {text!r} ({error})") from None
        self.text = text

    def value(self, values: Mapping[Term, Decimal]) -> Decimal | None:
        """The formula's value; None where it has none (division by zero)."""
        try:
            return _ARITHMETIC.plus(self._compiled(*(values[term] for term in self.terms)))
        except (DivisionByZero, InvalidOperation):
            return None


parse = cache(Formula)


def _terms(node: ast.expr) -> list[Term]:
    match node:
        case ast.Name(id=name):
            return [Term(name, prior=False)]
        case ast.Call(func=ast.Name(id="prior"), args=[ast.Name(id=name)]):
            return [Term(name, prior=True)]
        case ast.BinOp(left=left, right=right, op=op) if isinstance(op, _OPERATORS):
            return _terms(left) + _terms(right)
        case ast.Constant(value=int()):
            return []
    raise TypeError(ast.unparse(node))


def _compiled(tree: ast.expr, terms: tuple[Term, ...]) -> Callable[..., Decimal]:
    """The formula as a function of its terms' values: `_terms` let only arithmetic through."""

    def parameter(term: Term) -> str:
        return f"{'prior' if term.prior else 'same'}_{term.metric}"

    class Parameters(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.Name(parameter(Term(node.id, prior=False)), ast.Load())

        def visit_Call(self, node: ast.Call) -> ast.expr:
            name = ast.unparse(node.args[0])
            return ast.Name(parameter(Term(name, prior=True)), ast.Load())

    arguments = ",".join(parameter(term) for term in terms)
    body = ast.unparse(Parameters().visit(tree))
    function: Callable[..., Decimal] = eval(f"lambda {arguments}: {body}", {})  # noqa: S307
    return function
