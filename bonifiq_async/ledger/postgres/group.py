"""Claims and ends that wait at the same time, written in one transaction.

Most changes were never seen, and most ends have their claim: one statement writes all of these
(`write_group` in `migrations/`). What it does not write is locked, ruled by `protocol.rule` and written in a
second transaction. So is what was in a commit whose answer was lost: it is asked whether that is there.
"""

from collections.abc import Callable, Collection, MutableMapping, Sequence
from typing import TYPE_CHECKING

from attrs import define, evolve

from bonifiq_async._log import logger
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.account import another
from bonifiq_async.ledger.postgres.connection import writing
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.postgres.job import ClaimJob, EndJob, columns_of_claims, columns_of_ends, kept
from bonifiq_async.ledger.postgres.owner import MARGIN, SILENCE, silence_left
from bonifiq_async.ledger.postgres.row import LockedChange, Place, Statements, claim_values, entry_of
from bonifiq_async.ledger.protocol import (
    DONE,
    DOUBTFUL,
    FOR_EVER,
    FREE,
    Account,
    Conflict,
    Granted,
    Row,
    Ruling,
    State,
    rival,
    rule,
)
from bonifiq_async.ledger.trust import Trust

if TYPE_CHECKING:
    from bonifiq_async.ledger.postgres.connection import Connection


@fixed
class Live:
    """A claim of this process: its fence, and until when it holds."""

    fence: int
    until: float


@define
class _Standing:
    """What stands under some keys, all of it locked; `left` is for how long each owner is trusted."""

    account: Account | None
    now: float
    entries: MutableMapping[Place, LockedChange]
    left: MutableMapping[str, float]

    def row(self, place: Place) -> Row | None:
        """Return a change as it stands; a claim holds no longer than its owner shows that it runs."""
        entry = self.entries.get(place)
        if entry is None or entry.row.state is not State.CLAIMED:
            return None if entry is None else entry.row
        left = min(entry.row.lease_until - self.now, self.left.get(entry.row.owner, 0.0))
        return evolve(entry.row, lease_until=self.now + max(0.0, left))


class GroupCommit:
    """What one owner writes. `live` has its claims, `run` is the run that is under way.

    A claim of this owner holds for its time by `monotonic`, whatever the database's clock says meanwhile.
    """

    def __init__(
        self, database: Database, owner: str, retention: float, monotonic: Callable[[], float]
    ) -> None:
        self.owner = owner
        self.account: Account | None = None
        self.run = 0
        self.live: dict[Place, Live] = {}
        self.statements = 0
        self._database = database
        self._sql = Statements.of(database.schema)
        self._retention = retention
        self.monotonic = monotonic
        self._begin_trust()

    async def write(
        self, connection: "Connection", claims: Sequence[ClaimJob], ends: Sequence[EndJob], *, beats: bool
    ) -> None:
        """Write them, each with its answer; what has none when this raises is to be given again.

        `beats` says that the owner is to show that it runs.
        """
        fresh, known = self._divided(claims)
        mine, others = self._own(ends)
        await self._at_once(connection, fresh, mine, beats=beats)
        known += [job for job in fresh if not job.answered]
        others += [job for job in mine if not job.answered]
        if known or others:
            await self._one_by_one(connection, known, others)

    def _divided(self, claims: Sequence[ClaimJob]) -> tuple[list[ClaimJob], list[ClaimJob]]:
        """Return those that may never have been seen, one for each place and sorted, and the others."""
        fresh: dict[Place, ClaimJob] = {}
        known = []
        for job in claims:
            place = job.place
            if job.lost is None and job.intent.account == self.account and place not in fresh:
                fresh[place] = job
            else:
                known.append(job)
        return [fresh[place] for place in sorted(fresh)], known

    def _own(self, ends: Sequence[EndJob]) -> tuple[list[EndJob], list[EndJob]]:
        """Return the ends of claims that are this owner's, sorted, and those that were lost.

        What is no claim of this owner any more is answered: another says how it ends.
        """
        mine: dict[Place, EndJob] = {}
        lost = []
        for job in ends:
            if job.lost:
                lost.append(job)
            elif self._fence(job.place) != job.fence or job.place in mine:
                job.answer = False
            else:
                mine[job.place] = job
        return [mine[place] for place in sorted(mine)], lost

    async def _at_once(
        self, connection: "Connection", claims: Sequence[ClaimJob], ends: Sequence[EndJob], *, beats: bool
    ) -> None:
        if not (claims or ends or beats):
            return
        provider, account = self.account or (None, None)
        began = self.monotonic()
        # As long as there is no answer it may be written, or may not.
        for claim in claims:
            claim.lost = self._trust.first(repeatable=claim.repeatable)
        for end in ends:
            end.lost = True
        self.statements += 1
        row = await connection.fetchrow(
            self._sql.group,
            self.owner,
            provider,
            account,
            self.run,
            beats,
            *columns_of_claims(claims),
            *columns_of_ends(ends),
        )
        known, unwritten, silent = (None, None, None) if row is None else row
        if beats:
            self._note_beat(began, silent)
        for number, claim in enumerate(claims, 1):
            if known and number in known:
                claim.lost = None
            else:
                self._grant(claim, self._trust.first(repeatable=claim.repeatable))
        for number, end in enumerate(ends, 1):
            if not unwritten or number not in unwritten:
                self._close(end, True)

    def _begin_trust(self) -> None:
        self._trust = Trust(self.monotonic, self._retention)

    def _note_beat(self, began: float, silent: float | None) -> None:
        """Take in a beat after so many seconds; what was claimed before too many of them holds no more.

        They count by the clock here, too: the answer to a beat before it may be lost, and the database's
        clock may have been set back meanwhile.
        """
        now = self.monotonic()
        late = now >= self._trust.until + MARGIN
        if late or silent is None or silent + now - began >= SILENCE:
            self._trust.until = float("-inf")  # for ever: each claim keeps its own stretch
            self._begin_trust()
        self._trust.until = began + SILENCE - MARGIN

    def _fence(self, place: Place) -> int | None:
        live = self.live.get(place)
        return None if live is None else live.fence

    def _grant(self, job: ClaimJob, granted: Granted) -> None:
        self.live[job.place] = Live(granted.fence, self.monotonic() + job.lease)
        job.answer = granted

    def _close(self, job: EndJob, landed: bool) -> None:
        if self._fence(job.place) == job.fence:
            del self.live[job.place]
        job.answer = landed

    async def _one_by_one(
        self, connection: "Connection", claims: Sequence[ClaimJob], ends: Sequence[EndJob]
    ) -> None:
        """Write what is not new: all changes under its keys are locked, in the order of every program."""
        answers: list[tuple[ClaimJob, Ruling]] = []
        written: list[tuple[EndJob, bool]] = []
        async with writing(connection):
            sharing = sorted({job.intent.key for job in claims if job.intent.rivals})
            keys = {key for key, _ in (*(job.place for job in claims), *(job.place for job in ends))}
            standing = await self._read(connection, keys, sharing, self.owner if claims else None)
            for end in ends:
                written.append((end, await self._end(connection, end, standing)))
            for claim in claims:
                ruling = await self._claim(connection, claim, standing)
                if ruling is not None:
                    if isinstance(ruling, Granted):
                        ruling = evolve(ruling, held=self._trust.holds)
                    answers.append((claim, ruling))
                    claim.lost = ruling if isinstance(ruling, Granted) else None
        for end, landed in written:
            self._close(end, landed)
        for claim, ruling in answers:
            if isinstance(ruling, Granted):
                self._grant(claim, ruling)
            else:
                claim.answer = ruling

    async def _read(
        self, connection: "Connection", keys: Collection[str], sharing: Sequence[str], claimant: str | None
    ) -> _Standing:
        self.statements += 4
        await connection.execute(self._sql.lock, sharing, claimant)
        rows = await connection.fetch(self._sql.read, sorted(keys))
        entries = {(row["key"], row["operation"]): entry_of(row) for row in rows}
        owners = {each.row.owner for each in entries.values() if each.row.state is State.CLAIMED}
        beats = await connection.fetch(self._sql.beats, list(owners))
        book = await connection.fetchrow(self._sql.book)
        if book is None:
            raise ConfigurationError(f"The ledger {self._database} has lost its one row of `book`.")
        account = None if book["provider"] is None else (book["provider"], book["fingerprint"])
        now = self.monotonic()
        for place, entry in entries.items():
            mine = self.live.get(place)
            if mine is not None and (entry.row.owner, entry.row.fence) == (self.owner, mine.fence):
                until = book["now"] + (mine.until - now)
                entries[place] = evolve(entry, row=evolve(entry.row, lease_until=until))
        started, now = book["started"], book["now"]
        if any(row["beat"] > now for row in beats):
            self.statements += 1
            await connection.execute(self._sql.beats_of_now)
        left = {row["name"]: silence_left(row["beat"], started, now) for row in beats}
        left[self.owner] = FOR_EVER
        return _Standing(account, book["now"], entries, left)

    async def _claim(self, connection: "Connection", job: ClaimJob, standing: _Standing) -> Ruling | None:
        """Return the ruling on a claim, written down; None where another has claimed it since it was read."""
        intent, place = job.intent, job.place
        if standing.account != intent.account and not await self._bound(connection, job, standing):
            return None
        if self._is_there(job, standing):
            return job.lost
        for operation in intent.rivals:
            conflict = rival(standing.row((intent.key, operation)), operation)
            if conflict is not None:
                return conflict
        entry, row = standing.entries.get(place), standing.row(place)
        if entry is not None and row is not None and row.state in DONE:
            row = evolve(row, answer=entry.answer)
        mine = row is not None and row.owner == self.owner
        ruling = rule(
            row,
            intent,
            now=standing.now,
            owner="another client of this process" if mine else self.owner,
            repeatable=job.repeatable,
            retention=self._retention,
        )
        if entry is not None and isinstance(ruling, Conflict):
            return evolve(ruling, path=entry.path, body=entry.body)
        if isinstance(ruling, Granted) and not await self._put(connection, job, ruling, entry, standing):
            return None
        return ruling

    async def _bound(self, connection: "Connection", job: ClaimJob, standing: _Standing) -> bool:
        """Bind the ledger to the account of a claim; False where another has just bound it.

        Raises nothing: what keeps the claim from being made is its error.
        """
        if standing.account is None:
            self.statements += 1
            if await connection.fetchval(self._sql.bind_new, *job.intent.account):
                standing.account = self.account = job.intent.account
                return True
            return False
        job.error = ConfigurationError(
            another(f"The ledger {self._database}", standing.account, job.intent.account)
        )
        return False

    def _is_there(self, job: ClaimJob, standing: _Standing) -> bool:
        """Say whether the commit whose answer was lost has written a claim: it has its owner and fence."""
        entry = standing.entries.get(job.place)
        if entry is None or job.lost is None or entry.row.state is not State.CLAIMED:
            return False
        mine = (entry.row.owner, entry.row.fence) == (self.owner, job.lost.fence)
        return mine and self._fence(job.place) != job.lost.fence

    async def _put(
        self,
        connection: "Connection",
        job: ClaimJob,
        granted: Granted,
        entry: LockedChange | None,
        standing: _Standing,
    ) -> bool:
        """Write a claim down; False where another has claimed it since it was read."""
        intent = job.intent
        values = claim_values(intent, granted, entry, self.owner, self.run, job.lease)
        self.statements += 1
        if entry is not None:
            await connection.execute(self._sql.claim_again, *values)
        elif not await connection.fetchval(self._sql.claim_new, *values):
            return False
        row = Row(
            intent.digest,
            State.CLAIMED,
            granted.in_doubt,
            granted.fence,
            self.owner,
            standing.now + job.lease,
            entry.row.first_sent if entry is not None and granted.in_doubt else standing.now,
            intent.customer_id,
            intent.value,
        )
        standing.entries[job.place] = LockedChange(row, intent.path, intent.body, 0, None, None, 0, 0)
        return True

    async def _end(self, connection: "Connection", job: EndJob, standing: _Standing) -> bool:
        """Write an end down, unless it is there already; False where another has claimed the change since."""
        entry = standing.entries.get(job.place)
        if entry is None:
            return False
        row, ending = entry.row, job.ending
        if (row.fence, row.owner) == (job.fence, self.owner):
            if row.state is State.CLAIMED:
                await self._say(connection, job, standing, row.fence, ending.error)
            return True
        if ending.state not in DONE or row.digest != job.intent.digest or row.state not in FREE:
            return False
        # It stands as not applied, and its sender was answered that it is: a person may have said so.
        note = f"it stood as {row.state.value} ({entry.error}) when its sender was answered"
        mine = standing.account == job.intent.account
        if mine:
            await self._say(connection, job, standing, row.fence + 1, note)
        kept = "" if mine else "; the ledger is another account's now, and does not say so"
        logger.warning("contradiction: key=%s is %s: %s%s", job.intent.key, ending.state.value, note, kept)
        return mine

    async def _say(
        self, connection: "Connection", job: EndJob, standing: _Standing, fence: int, error: str | None
    ) -> None:
        ending, entry = job.ending, standing.entries[job.place]
        late = fence != entry.row.fence
        values = (ending.state.value, fence, ending.attempts, kept(ending.answer), kept(error), not late)
        self.statements += 1
        await connection.execute(self._sql.end, *job.place, *values)
        row = evolve(entry.row, state=ending.state, in_doubt=ending.state in DOUBTFUL, fence=fence)
        standing.entries[job.place] = evolve(entry, row=row, answer=ending.answer, error=error)
