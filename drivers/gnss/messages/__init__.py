"""Messages of GNSS receivers: one table per vendor, one record (`Report`) for all of them."""

from drivers.gnss.messages.reader import Reader
from drivers.gnss.messages.report import Report

__all__ = ["Reader", "Report"]
