"""The report of a corpus: one HTML file that opens from disk and asks nothing of the network."""

from talkie.curation.report.charts import Limit
from talkie.curation.report.limits import limits_of_filters
from talkie.curation.report.write import ReportSummary, write_report

__all__ = ["Limit", "ReportSummary", "limits_of_filters", "write_report"]
