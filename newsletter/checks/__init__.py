"""The linter: what would embarrass, harm or break a send is found before the first copy leaves.

Rules look at the final bytes of one sample copy and at the Markdown behind it. A finding is a value with
a place and a remedy, so that the command line, `launch` and reports all tell the same story.
"""

from newsletter.checks.findings import Finding, Severity, errors, from_error
from newsletter.checks.linter import check_issue, unrenderable
from newsletter.checks.registry import catalogue

__all__ = ["Finding", "Severity", "catalogue", "check_issue", "errors", "from_error", "unrenderable"]
