"""The library's log. Whatever a line is about, it is one line and a terminal may show it."""

import logging

from attrs import frozen

from bonifiq_async._model.printable import printable


@frozen
class Log:
    """A logger that puts each argument of a line through `printable`, uncut; numbers stay numbers."""

    logger: logging.Logger

    def info(self, line: str, *args: object) -> None:
        """Log what needs no attention."""
        self._log(logging.INFO, line, args)

    def warning(self, line: str, *args: object) -> None:
        """Log what a person should look at."""
        self._log(logging.WARNING, line, args)

    def _log(self, level: int, line: str, args: tuple[object, ...]) -> None:
        if self.logger.isEnabledFor(level):
            shown = [each if isinstance(each, int | float) else printable(str(each), None) for each in args]
            self.logger.log(level, line, *shown, stacklevel=3)  # names the caller, not this module


logger = Log(logging.getLogger("bonifiq_async"))
"""The library's own, which users reach as `logging.getLogger("bonifiq_async")`."""
files = Log(logging.getLogger("bonifiq_async.files"))
"""The same of what happens to the files and ledgers themselves, which the console command shows, too."""
