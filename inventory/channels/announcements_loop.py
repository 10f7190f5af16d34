"""The messages of one channel: send what is due."""

from inventory.channels.announcements_pg import Announcements
from inventory.channels.announcing import Announces
from inventory.channels.backoff import backoff_ms
from inventory.channels.call_pace import CallPace
from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.figures import ChannelFigures
from inventory.channels.limits import ANNOUNCEMENTS_PER_S, ANNOUNCEMENTS_POLL_S
from kit.log import logger
from kit.tasks import Wakeup

_log = logger("channels")


class AnnouncementsLoop:
    """The messages of one channel; one call at a time."""

    def __init__(
        self,
        channel_id: str,
        channel: Announces,
        *,
        announcements: Announcements,
        figures: ChannelFigures,
        wakeup: Wakeup,
    ) -> None:
        self._channel_id = channel_id
        self._channel = channel
        self._announcements = announcements
        self._figures = figures
        self._wakeup = wakeup
        self._pace = CallPace(ANNOUNCEMENTS_PER_S)

    async def step(self) -> None:
        """Send one message, or wait.

        Raises:
            ChannelGoneError: do not go on.
        """
        wait_s = max(0.0, self._pace.wait_s())
        if wait_s > 0:
            await self._wakeup.wait(min(wait_s, ANNOUNCEMENTS_POLL_S))
            return
        due = await self._announcements.take_due(self._channel_id)
        if due is None:
            await self._wakeup.wait(ANNOUNCEMENTS_POLL_S)
            return
        message = due.announcement
        self._pace.start()
        try:
            answer = await self._channel.announce(message)
        except ChannelDownError as error:
            delay_ms = self._pace.failed(error)
            self._figures.called(self._channel_id, "failed")
            _log.warning("channel_down", channel_id=self._channel_id, error=error.message, retry_in_ms=delay_ms)
            await self._announcements.failed(
                self._channel_id, message.announcement_id, error.message, delay_ms=delay_ms
            )
            return
        self._pace.went_well()
        self._figures.called(self._channel_id, "messages")
        if not isinstance(answer, Refused):
            await self._announcements.sent(self._channel_id, message.announcement_id)
        elif answer.temporary:
            delay_ms = backoff_ms(due.attempts, 1.0)
            await self._announcements.failed(
                self._channel_id, message.announcement_id, answer.reason, delay_ms=delay_ms
            )
        else:
            await self._announcements.refused(self._channel_id, message.announcement_id, answer.reason)
