"""The doctor: whether a Site is fit to send, told as findings, each with its remedy and the record to publish.

One module for each thing that is looked at (`settings`, `keys`, `database`, `spf`, `signature`, `dmarc`, `routes`,
`relay`, `returns`, `pages`, `enrolment`); `case` is the patient, `names` the resolver, `examination` the round.
"""

from newsletter.doctor.case import Case
from newsletter.doctor.examination import HERE, OUTSIDE, Check, examine
from newsletter.doctor.findings import Finding, Level, Record, has_errors
from newsletter.doctor.names import Answer, Names, State

__all__ = [
    "HERE",
    "OUTSIDE",
    "Answer",
    "Case",
    "Check",
    "Finding",
    "Level",
    "Names",
    "Record",
    "State",
    "examine",
    "has_errors",
]
