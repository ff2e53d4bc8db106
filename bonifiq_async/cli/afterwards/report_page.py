"""A digest of changes as one HTML page, in the language of the reader; foreign text is made harmless."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from attrs import frozen

from bonifiq_async._pages import markup
from bonifiq_async._pages.markup import text
from bonifiq_async._pages.pictures import Axis, Series, over_time
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.afterwards.digest import ENDED, WRONG, Digest, ErrorGroup, SumsWithCounts, headline
from bonifiq_async.cli.afterwards.histogram import Histogram
from bonifiq_async.cli.afterwards.page_parts import (
    FOREIGN,
    NUMBERS,
    WORDS,
    Columned,
    clock,
    moment,
    said,
    section,
    shell,
    table,
)
from bonifiq_async.cli.language.library_texts import stored_said
from bonifiq_async.cli.language.phrase import READER, Phrase, joined, number, phrase, shown
from bonifiq_async.cli.terminal.effects import effect_name
from bonifiq_async.ledger.protocol import SURE, State
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import Recorded, short
from bonifiq_async.ledger.runs import Run, RunState
from bonifiq_async.ledger.settling import SETTLEABLE

GROUPS = 40
"""Groups of errors that are listed, the largest first."""
TAGS = {"pt": "pt-BR"}
"""What a page says of its language, where that is not its name."""


@frozen
class ReportHead:
    """What a report is of: a `ledger` as it was typed; which changes, in words; when it was `made`.

    `whole` is the run that it is of, None for several. `seconds` is how long the runs took, None where that
    does not tell how fast they were.
    """

    ledger: LedgerReader
    title: Phrase
    made: datetime
    adapter: FileAdapter | None
    whole: Run | None = None
    seconds: float | None = None


def report_page(head: ReportHead, digest: Digest, runs: Sequence[Run]) -> str:
    """Return the page; `runs` are those of the changes."""
    parts = [
        f"<h1>{said(head.title)}</h1>",
        _summary(head, digest),
        _by_effect(head, digest),
        _over_time(digest.course),
        _errors(digest.errors, phrase("Errors"), digest.course),
        _doubts(head, digest),
        _used_elsewhere(head, digest),
        _errors(digest.by_hand, phrase("Settled by hand, or with a remark")),
        _by_day(head, digest),
        _runs(runs, digest),
    ]
    language = READER.get().name
    title = f"{shown(head.title)} - {head.ledger.name}"
    return markup.page(title, "\n".join(filter(None, parts)), language=TAGS.get(language, language))


def _summary(head: ReportHead, digest: Digest) -> str:
    facts = {
        phrase("Ledger"): str(head.ledger),
        phrase("Provider"): "-" if head.adapter is None else head.adapter.name,
        phrase("Report made"): clock(head.made),
    }
    if digest.first is not None and digest.last is not None:
        facts[phrase("First sent")] = moment(digest.first)
        facts[phrase("Last event")] = moment(digest.last)
        facts[phrase("Requests")] = number(digest.attempts)
    if head.seconds is not None and digest.changes:
        rate = digest.changes / max(head.seconds, 1.0)
        facts[phrase("Changes in a second, on average")] = phrase("{rate:,.1f}", rate=rate)
    applied, *rest = headline(digest, head.whole)
    rows = "".join(f"<tr><td>{said(name)}</td><td>{said(value)}</td></tr>" for name, value in facts.items())
    return (
        f"<p><b>{said(applied)}</b>"
        + "".join(f' <b class="fails">{said(each)}</b>' for each in rest)
        + f"</p><table>{rows}</table>"
    )


def _columns(head: ReportHead, *names: Phrase) -> Columned:
    labels = FileAdapter.sum_labels if head.adapter is None else head.adapter.sum_labels
    return {
        **dict.fromkeys(names, WORDS),
        phrase("unit"): WORDS,
        phrase("changes"): NUMBERS,
        **dict.fromkeys(labels, NUMBERS),
    }


def _sums(head: ReportHead, states: Mapping[State, SumsWithCounts], *before: str) -> Iterable[Sequence[str]]:
    """Yield a row for each state and unit, with the cells that stand before them."""
    for state in [each for each in State if each in states]:
        yield from _rows(head, states[state], *before, said(effect_name(state)))


def _rows(head: ReportHead, tally: SumsWithCounts, *before: str) -> Iterable[Sequence[str]]:
    for unit, sums in sorted(tally.sums.by_unit.items()):
        sizes = (
            said(number(tally.counts[unit])),
            _money(head, sums.added, unit),
            _money(head, sums.removed, unit),
        )
        name = unit if head.adapter is None else head.adapter.unit_name(unit)
        yield (*before, said(name), *sizes)


def _money(head: ReportHead, amount: Decimal, unit: str) -> str:
    """Return an amount with the marks of the reader's language, as HTML."""
    return said(number(amount) if head.adapter is None else head.adapter.amount(amount, unit))


def _of(head: ReportHead, change: Recorded) -> str:
    """Return the amount of a change in its unit."""
    return _money(head, change.value, "" if head.adapter is None else head.adapter.unit_of(change))


def _by_effect(head: ReportHead, digest: Digest) -> str:
    columns = _columns(head, phrase("effect"))
    rows = [*_sums(head, digest.states), *_total(head, digest.states)]
    return section(phrase("Sums by effect"), table(columns, rows))


def _total(head: ReportHead, states: Mapping[State, SumsWithCounts]) -> Iterable[Sequence[str]]:
    """Yield what is applied in all, a row for each unit."""
    total = SumsWithCounts()
    for each in [states[state] for state in SURE if state in states]:
        total.sums.take(each.sums)
        total.counts.update(each.counts)
    yield from _rows(head, total, said(phrase("applied in all")))


def _by_day(head: ReportHead, digest: Digest) -> str:
    rows = (
        row
        for day, states in sorted(digest.days.items())
        for row in _sums(
            head, states, said(phrase("{at:%Y-%m-%d}", at=datetime.combine(day, datetime.min.time())))
        )
    )
    return section(phrase("Sums by day"), table(_columns(head, phrase("day"), phrase("effect")), rows))


def _over_time(course: Histogram) -> str:
    if not course.length:
        return ""
    series = [
        Series(said(phrase("changes that ended")), course.counts(ENDED), "good"),
        Series(said(phrase("of them errors")), course.counts(WRONG), "bad"),
    ]
    return section(phrase("Over time"), over_time(series, _axis(course, series[0])))


def _axis(course: Histogram, series: Series) -> Axis:
    top = phrase("{count:,} in {span} at the top", count=max(series.counts), span=_span(course.width))
    ends = (course.begin, course.begin + course.length * course.width)
    begin, end = (
        phrase("{at:%Y-%m-%d %H:%M:%S}", at=datetime.min + timedelta(seconds=each)) for each in ends
    )
    return Axis(said(top), said(begin), said(end))


def _span(seconds: int) -> Phrase:
    if seconds % 86_400 == 0:
        return phrase("{days:,} d", days=seconds // 86_400)
    if seconds % 3_600 == 0:
        return phrase("{hours:,} h", hours=seconds // 3_600)
    return phrase("{seconds:,} s", seconds=seconds)


Groups = Mapping[tuple[State, str | None], ErrorGroup]


def _errors(groups: Groups, title: Phrase, course: Histogram | None = None) -> str:
    """Return groups of changes that ended with the same words; with a picture of them over time."""
    if not groups:
        return ""
    drawn = ""
    if course is not None:
        wrong = Series(said(phrase("errors")), course.counts(WRONG), "bad")
        drawn = over_time([wrong], _axis(course, wrong))
    largest = sorted(groups.items(), key=lambda each: -each[1].count)
    rows = [
        (
            said(effect_name(state)),
            said(phrase("others") if words is None else stored_said(words)),
            said(number(group.count)),
            _place(group.first),
        )
        for (state, words), group in largest[:GROUPS]
    ]
    columns: Columned = {
        phrase("effect"): WORDS,
        phrase("what was said"): FOREIGN,
        phrase("changes"): NUMBERS,
        phrase("for example"): FOREIGN,
    }
    left = sum(group.count for _, group in largest[GROUPS:])
    more = phrase("and {count:,} changes more, which ended otherwise", count=left)
    return section(title, drawn, table(columns, rows), f"<p>{said(more)}</p>" if left else "")


def _place(change: Recorded) -> str:
    """Return which change it is: its key, and the line of the file of its run."""
    where = ""
    if change.run is not None and change.line is not None:
        at = phrase("run {run}, line {line:,}", run=str(change.run), line=change.line)
        where = f"<br><small>{said(at)}</small>"
    return f"<div>{text(change.key)}{where}</div>"


def _doubts(head: ReportHead, digest: Digest) -> str:
    """Return what is unknown, and the commands that settle it."""
    count, ledger = digest.count(*SETTLEABLE), str(head.ledger)
    if not count:
        return ""
    if head.adapter is None or head.adapter.ledger_alone_knows:
        how, command = _LOOK, ["status", ledger, "--look"]
    else:
        how, command = _REPEAT, ["settle", ledger, "--all-by-repeating"]
    rows = [
        (
            said(moment(change.first_sent)),
            text(change.customer_id),
            _of(head, change),
            _place(change),
        )
        for change in digest.doubts
    ]
    columns: Columned = {
        phrase("since"): WORDS,
        phrase("customer"): FOREIGN,
        phrase("amount"): NUMBERS,
        phrase("change"): FOREIGN,
    }
    return section(
        phrase("Not known: {count:,}", count=count),
        f"<p>{said(how)}</p>",
        shell(command),
        _not_sent_again(head, digest) if how is _REPEAT else "",
        table(columns, rows),
        _more(head, count - len(rows), "unknown"),
        _by_word(head, digest.doubts[:1] if how is _REPEAT else digest.doubts),
    )


def _not_sent_again(head: ReportHead, digest: Digest) -> str:
    """Say of changes whose key the provider is not known to count that the command leaves them alone."""
    if head.adapter is None or all(map(head.adapter.sends_again, digest.doubts)):
        return ""
    how = phrase(
        "That command leaves out changes whose key the provider is not known to count: see there what became "
        "of them, and give your word on each."
    )
    return f"<p>{said(how)}</p>"


_REPEAT = phrase(
    "They may have been applied or not. The provider knows their keys, so that to send them again under the "
    "same keys moves no money twice, and tells which it is:"
)
_LOOK = phrase(
    "They may have been applied or not, and are not sent again: that could move the money twice. Look at "
    "what the provider shows, and then give your word on each:"
)


def _by_word(head: ReportHead, changes: Sequence[Recorded]) -> str:
    """Return the commands that take a person's word on changes."""
    how = phrase("A command that takes your word on one; where it was not applied, with --as not_applied:")
    said_of = ["--as", "applied", "--note", shown(phrase("how you know, and your name"))]
    commands = [
        ["settle", str(head.ledger), "--key", change.key, "--operation", short(change.operation), *said_of]
        for change in changes
    ]
    return f"<p>{said(how)}</p>{shell(*commands)}"


def _more(head: ReportHead, count: int, effect: str) -> str:
    if count <= 0:
        return ""
    this = phrase("and {count:,} more; this has them all:", count=count)
    return f"<p>{said(this)}</p>{shell(['export', str(head.ledger), '--effect', effect])}"


def _used_elsewhere(head: ReportHead, digest: Digest) -> str:
    count = digest.count(State.USED_ELSEWHERE)
    if not count:
        return ""
    how = phrase(
        "The provider says that their keys were used before, and this ledger knows of no such request. First "
        "look whether another file or ledger applied them (bonifiq reconcile compares with the balances), "
        "and give your word on each. Only what was never applied needs a key of its own, under which it is "
        "paid:"
    )
    columns: Columned = {phrase("customer"): FOREIGN, phrase("amount"): NUMBERS, phrase("change"): FOREIGN}
    rows = [(text(change.customer_id), _of(head, change), _place(change)) for change in digest.used_elsewhere]
    return section(
        phrase("Keys that were used before: {count:,}", count=count),
        f"<p>{said(how)}</p>",
        table(columns, rows),
        _more(head, count - len(rows), "used_elsewhere"),
        _by_word(head, digest.used_elsewhere[:1]),
    )


def _runs(runs: Sequence[Run], digest: Digest) -> str:
    """Return which user ran what, when and from which file."""
    if not runs:
        return ""
    columns: Columned = {
        phrase("run"): WORDS,
        phrase("command"): WORDS,
        phrase("file"): FOREIGN,
        phrase("by"): FOREIGN,
        phrase("begun"): WORDS,
        phrase("ended"): WORDS,
        phrase("changes here"): NUMBERS,
    }
    rows = []
    for run in runs:
        made = run.origin
        digits = f"<br><small>sha256 {text(made.digest)}</small>" if made.digest else ""
        ended = _ENDS[run.state] if run.ended is None else moment(run.ended)
        counts = joined(
            [_counted(name, count) for name, count in run.counts.items()] or [phrase("no change")]
        )
        rows.append(
            (
                str(run.id),
                text(made.command),
                f"<div>{text(made.file, None)}{digits}</div>" if made.file or digits else "",
                text(f"{made.user} @ {made.host}"),
                said(moment(run.begun)),
                f"<div>{said(ended)}<br><small>{said(counts)}</small></div>",
                said(number(digest.runs[run.id])),
            )
        )
    return section(phrase("Runs"), table(columns, rows))


def _counted(name: str, count: int) -> Phrase:
    return phrase("{count:,} {kind}", count=count, kind=effect_name(name))


_ENDS = {
    RunState.UNDER_WAY: phrase("under way"),
    RunState.NOT_ENDED: phrase("not ended: its process is gone"),
    RunState.ENDED: phrase("ended"),
}
