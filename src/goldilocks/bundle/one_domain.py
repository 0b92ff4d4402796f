"""The part of one domain of a bundle that has a part for each, as a bundle of one model."""

from __future__ import annotations

from dataclasses import replace

from goldilocks.bundle.read import Bundle
from goldilocks.errors import InputError
from goldilocks.protocols import SupportsDomains
from goldilocks.records import AnswerRule


def one_domain(bundle: Bundle, name: str | None) -> Bundle:
    """A bundle of one model.

    Args:
        bundle: Any bundle; one without domains is returned as it is.
        name: The domain; ``None``: the bundle has none.

    Returns:
        Its labels are those of the domain; it has no reference profile, as that is not known by domain.

    Raises:
        InputError: the bundle has domains and none is named, or there is no such domain.
    """
    model = bundle.model
    if not isinstance(model, SupportsDomains):
        if name is not None:
            raise InputError(f"{bundle.folder}: has no domains; omit --domain.")
        return bundle
    if name is None:
        raise InputError(
            f"{bundle.folder}: has a part for each domain; name one with --domain: {', '.join(bundle.domains)}."
        )
    part = model.part_of(name)
    info = replace(
        bundle.info,
        family=model.family,
        labels=tuple(part.labels),
        answer_rule=_among(bundle.info.answer_rule, len(part.labels)),
        decision=f"{bundle.info.decision} Of its domains this is {name}.".strip(),
        reference=None,
    )
    return replace(bundle, info=info, model=part)


def _among(rule: AnswerRule, count: int) -> AnswerRule:
    """The rule for the first labels only."""
    return replace(rule, error_costs=tuple(costs[:count] for costs in rule.error_costs[:count]))
