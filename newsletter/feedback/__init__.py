"""What comes back: bounces, complaints and automatic replies, read, believed or not, and acted upon.

`classify` and the values it answers with are public: they need nothing but bytes, and stay as they are.
"""

from __future__ import annotations

from newsletter.feedback.classify import classify
from newsletter.feedback.verdict import Delivery, Kind, Verdict

__all__ = ["Delivery", "Kind", "Verdict", "classify"]
