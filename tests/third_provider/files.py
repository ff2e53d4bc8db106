"""Its files of changes."""

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._policy.request import digest_of
from bonifiq_async.cli.adapter import Columns, FileAdapter
from bonifiq_async.cli.files.rows import Problem, amount
from third_provider.operations import GRANT, SPEND, Booked, MilesChange, request_of

NAMES = ("customer_id", "value", "change_key")


class MilesFiles(FileAdapter):
    name, change_columns, answer_columns, export_columns = "miles", NAMES[:2], ("balance",), NAMES
    columns = Columns(NAMES, NAMES, (), NAMES[2:], NAMES[:1])
    repeat_classes = {each.name: each.repeat for each in (GRANT, SPEND)}

    def read_row(self, line, cells):
        try:
            return MilesChange(cells[0], amount(cells[1], "value"), cells[2], line)
        except PayloadError as error:
            return Problem(line, error.path, str(error))

    def digest(self, change):
        return digest_of(*request_of(change))

    def change_cells(self, change):
        return change.customer_id, change.value

    def answer_cells(self, result):
        return (result.balance if isinstance(result, Booked) else None,)

    def export_cells(self, change):
        return change.customer_id, change.value, change.key

    def unit_of(self, change):
        return GRANT.unit


ADAPTER = MilesFiles()
