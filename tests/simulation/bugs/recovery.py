"""Bugs about finding out what nobody saw: launches whose answer was lost, and jobs that a lost log knew."""

from collections.abc import Mapping

from aap_poller.assembly import Poller
from aap_poller.lost_log import ADOPTED_AGAIN_AFTER, LostLog, Survey
from aap_poller.rows import OurJob
from cloudkit.contracts.errors import Refused
from cloudkit.runtime.answers import DONE, Later
from cloudkit.runtime.ports import LogEpoch, Position
from simulation.bugs.bug import AGES, Bug, LogOfAnotherAge, launching, nothing, put
from simulation.bugs.following import handled


class NoRecovery(Bug):
    """Nobody looks for launches whose answer was lost."""

    def poller(self, poller: Poller) -> Poller:
        put(launching(poller).claiming.recovery, "look", nothing(DONE))
        return handled(poller, claims=nothing(DONE))


class ImpatientRecovery(Bug):
    """A launch is given up before the latest moment at which it may appear."""

    environ: Mapping[str, str] = {"CLOUDKIT_AAP_LOST_ANSWER_TIMEOUT": "60s"}


class _OfLostLogs(Bug):
    """A bug in `aap_poller.lost_log`: ``spoiled`` stands in its place."""

    spoiled: type[LostLog]

    def poller(self, poller: Poller) -> Poller:
        right = launching(poller).lost_log
        spoiled = self.spoiled(right._log, right._aap, right._records, right._templates, right._patience)
        put(launching(poller), "lost_log", spoiled)
        return poller


class LostLogIgnored(_OfLostLogs):
    """An empty log is taken for that of an instance without jobs."""

    class spoiled(LostLog):  # noqa: N801  # it stands where an attribute does
        async def look(self) -> None:
            """Not even that."""

        async def obstacle(self, at: Position, *, knew_jobs: bool) -> None:
            return None


class OnlyItsOwnJobsSearched(_OfLostLogs):
    """When a log was lost, nobody asks AAP for what still runs for an earlier life of the name."""

    class spoiled(LostLog):  # noqa: N801  # see above
        async def _unfinished_of_others(self, survey: Survey, at: Position) -> OurJob | None:
            return None


class NoWaitInANewLog(_OfLostLogs):
    """When a log was lost, AAP is searched once and at once: what is still on its way there is missed."""

    class spoiled(LostLog):  # noqa: N801  # see above
        async def obstacle(self, at: Position, *, knew_jobs: bool) -> Later | Refused | None:
            survey = await self._surveyed(await self._log.epoch())
            adopted = await self._adopt(survey, at)
            return Later(ADOPTED_AGAIN_AFTER, "a job was found") if adopted else None

        async def _surveyed(self, epoch: LogEpoch) -> Survey:
            survey = self._survey
            if survey is None or survey.log_created != epoch.created:
                self._survey = survey = await self._look(epoch, complete=False)
            return survey


class SurveyNotRepeated(_OfLostLogs):
    """What AAP had in a new log's first minutes is never looked at again, though nobody claims meanwhile."""

    class spoiled(LostLog):  # noqa: N801  # see above
        async def _surveyed(self, epoch: LogEpoch) -> Survey:
            async with self._surveying:
                survey = self._survey
                if survey is None or survey.log_created != epoch.created:
                    complete = epoch.age >= self._patience
                    self._survey = survey = await self._look(epoch, complete=complete)
                return survey


class NoSearchAfterAdoption(_OfLostLogs):
    """When a log was lost and any job of the instance is in the new one, AAP is not asked for later ones."""

    class spoiled(LostLog):  # noqa: N801  # see above
        async def obstacle(self, at: Position, *, knew_jobs: bool) -> Later | Refused | None:
            return None if at.of_uid is not None else await super().obstacle(at, knew_jobs=knew_jobs)


class OlderThanTheLogObeyed(Bug):
    """What was asked for before the log was lost is done after it."""

    def poller(self, poller: Poller) -> Poller:
        put(launching(poller), "log", LogOfAnotherAge(launching(poller).log, AGES))
        return poller
