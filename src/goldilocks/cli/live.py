"""What is shown while a search runs: what runs now, what it has bought, what is left of the budget, the standing.

On a terminal a display that renews itself; into a file or a pipe one line a purchase.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table

from goldilocks.cli.console import PlainConsole, plain
from goldilocks.records import Dropped, Trial

_SHOWN = 12
_STAGES = {
    "data": "reading, checking and splitting the data",
    "candidates": "finding out who could do it",
    "screening": "one cheap look at each pretrained model",
    "race": "the race",
    "decision": "measuring what finished, and deciding",
    "test": "opening the test part, once",
    "bundle": "writing bundle and report",
    "tuning": "tuning",
}


class Live:
    """A ``Progress`` that draws. Use it as a context manager."""

    def __init__(self, budget_seconds: float | None = None) -> None:
        """Draw on standard error, so that what a command prints can be piped on."""
        self._console = PlainConsole(stderr=True)
        self._budget = budget_seconds
        self._begun = time.monotonic()
        self._left: tuple[float, float] | None = None
        self._stage = ""
        self._doing = ""
        self._now: dict[str, Any] = {}
        self._trials: dict[str, Trial] = {}
        self._fallen: dict[str, Dropped] = {}
        self._interrupted = False
        self._before: Any = None
        self._display = RichLive(console=self._console, refresh_per_second=4, transient=True, get_renderable=self._draw)

    def __enter__(self) -> Live:
        """Begin to draw, and to mind Ctrl-C."""
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        if self._console.is_terminal:
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen as it was."""
        signal.signal(signal.SIGINT, self._before)
        if self._console.is_terminal:
            self._display.stop()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._interrupted = True
        raise KeyboardInterrupt

    def __call__(self, event: str, details: Mapping[str, Any]) -> None:
        """See ``protocols.Progress``."""
        if (
            self._interrupted
        ):  # Ctrl-C came where Python drops exceptions: in a callback from compiled code, a finaliser
            raise KeyboardInterrupt
        if event == "stage":
            self._stage, self._now, self._doing = str(details["name"]), {}, ""
            self._say(_STAGES.get(self._stage, self._stage))
        elif event == "buying":
            self._now = {**details, "begun": time.monotonic(), "from": self._share_of(details["candidate"])}
        elif event == "step":
            self._now["done"] = details["share"]
        elif event == "measuring":
            self._now = dict(details)
        elif event == "data":
            self._doing = str(details["doing"])
        elif event == "look":
            self._doing = f"{details['model']}: the linear probe is wrong on {details['probe_loss']:.1%}"
            self._say(f"  {self._doing} ({details['seconds']:.1f} s)")
        elif event == "bought":
            trial: Trial = details["trial"]
            self._trials[trial.candidate] = trial
            self._left = (details["left"], time.monotonic())
            self._now = {}
            score = trial.score
            self._say(
                f"  {trial.elapsed:7.1f} s  {trial.candidate:<44} {trial.share:4.0%}  "
                f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})  {trial.seconds:6.1f} s  {trial.why}"
            )

        elif event == "dropped":
            fell: Dropped = details["dropped"]
            self._fallen[fell.candidate] = fell
            self._trials.pop(fell.candidate, None)
            self._left = (details["left"], time.monotonic())
            self._now = {}
            self._say(f"  {fell.elapsed:7.1f} s  {_in_words(fell)}")

    def _share_of(self, candidate: str) -> float:
        return self._trials[candidate].share if candidate in self._trials else 0.0

    def _say(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line, soft_wrap=True)

    def _draw(self) -> RenderableType:
        head = Table.grid(padding=(0, 2))
        head.add_row(
            plain(_STAGES.get(self._stage, self._stage), style="bold"), plain(self._time_in_words(), style="dim")
        )
        parts: list[RenderableType] = [head]
        if self._doing:
            parts.append(plain(self._doing, style="dim"))
        if "candidate" in self._now:
            parts.append(self._purchase())
        if self._trials:
            parts.append(self._standing())
        parts += [plain(_in_words(one), style="yellow") for one in self._fallen.values()]
        return Group(*parts)

    def _time_in_words(self) -> str:
        spent = time.monotonic() - self._begun
        if self._budget is None:
            return f"{spent:.0f} s"
        left = self._left[0] - (time.monotonic() - self._left[1]) if self._left else self._budget - spent
        return f"{spent:.0f} s spent, {max(left, 0):.0f} s of the budget left"

    def _purchase(self) -> RenderableType:
        row = Table.grid(padding=(0, 2))
        if "share" in self._now:
            done = float(self._now.get("done", self._now.get("from", 0.0)))
            begin, end = float(self._now["from"]), float(self._now["share"])
            within = (done - begin) / max(end - begin, 1e-9)
            row.add_row(
                plain(str(self._now["candidate"]), style="cyan"),
                ProgressBar(total=1.0, completed=max(min(within, 1.0), 0.0), width=24),
                plain(f"to {end:.0%}, about {self._now['predicted_seconds']:.0f} s: {self._now['why']}", style="dim"),
            )
        else:
            row.add_row(plain(str(self._now["candidate"]), style="cyan"), plain("in a fresh process", style="dim"))
        return row

    def _standing(self) -> RenderableType:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        for name in ("standing", "done", "score", "95 % interval", "seconds"):
            table.add_column(name, justify="left" if name == "standing" else "right")
        ranked = sorted(self._trials.values(), key=lambda one: one.loss)
        for one in ranked[:_SHOWN]:
            table.add_row(
                one.candidate,
                f"{one.share:.0%}",
                f"{one.score.value:.3f}",
                f"{one.score.low:.3f} to {one.score.high:.3f}",
                f"{one.seconds:.1f}",
                style="" if one.share >= 1 else "dim",
            )
        if len(ranked) > _SHOWN:
            table.add_row(f"and {len(ranked) - _SHOWN} more", style="dim")
        return table


def _in_words(fell: Dropped) -> str:
    return f"{fell.candidate} fell out in the {fell.stage}; the others go on: {fell.reason}"
