"""The gate before every sign-up and reply: what it asks for depends on how it looks, what it answers on nothing.

A doubtful form is not dropped, because browsers fill fields and people are quick; it is asked to press one more
button, or to bring a proof of work. `verdict` decides, `limits` counts, `keeper` puts them together.
"""

from newsletter.subscribers.gate.budgets import BUDGETS, may_mail
from newsletter.subscribers.gate.forms import HONEYPOT, MAX_AGE, MIN_AGE, FormTokens
from newsletter.subscribers.gate.keeper import PAUSE, Gate, Visit, sweep
from newsletter.subscribers.gate.limits import Errand
from newsletter.subscribers.gate.verdict import Decision, Verdict

__all__ = [
    "BUDGETS",
    "HONEYPOT",
    "MAX_AGE",
    "MIN_AGE",
    "PAUSE",
    "Decision",
    "Errand",
    "FormTokens",
    "Gate",
    "Verdict",
    "Visit",
    "may_mail",
    "sweep",
]
