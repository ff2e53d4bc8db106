"""Its files of changes."""

from bonifiq_async._policy.request import digest_of
from bonifiq_async.cli.adapter import Columns, FileAdapter
from bonifiq_async.cli.files.rows import amount
from third_provider.operations import MilesChange, request_of

NAMES = ("customer_id", "value", "change_key")


class MilesFiles(FileAdapter):
    name, answer_columns = "miles", ("balance",)
    columns = Columns(NAMES, NAMES, (), NAMES[2:], NAMES[:1])

    def read_row(self, line, cells):
        return MilesChange(cells[0], amount(cells[1], "value"), cells[2], line)

    def digest(self, change):
        return digest_of(*request_of(change))


ADAPTER = MilesFiles()
