"""Misbehaviour on order: the next calls are slow, or their answer is lost before or after they took effect."""

from typing import Literal

import msgspec

from parvis.stand_in.stripe.errors import StripeProblem

FaultKind = Literal["fail_before_effect", "fail_after_effect", "delay"]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    kind: FaultKind
    calls: int = 1
    """How many calls it still meets."""
    seconds: float = 0.0
    """Length of a `delay`."""
    method: Literal["GET", "POST", "any"] = "any"
    path_prefix: str = "/v1/"


class MetFaults(msgspec.Struct, frozen=True, kw_only=True):
    """What one call runs into."""

    delay_seconds: float = 0.0
    fails_before_effect: bool = False
    fails_after_effect: bool = False


class FaultPlan:
    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def meet(self, method: str, path: str) -> MetFaults:
        met = [fault for fault in self.faults if fault.method in ("any", method) and path.startswith(fault.path_prefix)]
        for fault in met:
            fault.calls -= 1
        self.faults = [fault for fault in self.faults if fault.calls > 0]
        kinds = {fault.kind for fault in met}
        return MetFaults(
            delay_seconds=sum(fault.seconds for fault in met if fault.kind == "delay"),
            fails_before_effect="fail_before_effect" in kinds,
            fails_after_effect="fail_after_effect" in kinds,
        )


def lost_answer() -> StripeProblem:
    """Not kept for the Idempotency-Key: it stands for an answer lost on the way, not for one that Stripe gave."""
    message = "An error occurred while communicating with Stripe. (ordered through /_stand_in/faults)"
    return StripeProblem(500, "api_error", message, final=False)
