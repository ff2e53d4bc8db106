"""Its files of changes."""

from bonifiq_async._policy.request import digest_of
from bonifiq_async._provider.trial import TrialRow
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.columns import Columns
from bonifiq_async.cli.files.rows import amount
from third_provider.operations import MilesChange, request_of

NAMES = ("customer_id", "value", "change_key")


class MilesFiles(FileAdapter):
    name, answer_columns = "miles", ("balance",)
    columns = Columns(NAMES, NAMES, (), NAMES[2:], NAMES[:1])

    def read_row(self, line, cells):
        return MilesChange(cells[0], amount(cells[1], "value"), cells[2], line)

    def trial_row(self, customer, amount, key):
        return TrialRow(dict(zip(NAMES, (customer, amount, key), strict=True)), str(customer), amount)

    def digest(self, change):
        return digest_of(*request_of(change))


ADAPTER = MilesFiles()
