"""The main screen's part that asks, stores and opens conversations."""

from __future__ import annotations

from typing import Any

from textual.app import SuspendNotSupported

from nemotui.core.chat import reply
from nemotui.core.conversation import Asked, Conversation
from nemotui.core.errors import FailedError, NemotuiError, Problem
from nemotui.core.ports import Backends
from nemotui.core.stores import KeptConversation
from nemotui.keys.keymap import key_of
from nemotui.ui.conversations import Conversations
from nemotui.ui.options import Options
from nemotui.ui.panes.chat import ChatPane
from nemotui.ui.states.chat import ChatState, Kept, Opened
from nemotui.ui.sweeping import Sweeping
from nemotui.ui.telling import troubles_told

_STORED_EVERY_S = 2.0  # of an answer that is being written: more a console that dies cannot take with it
_LISTED = 200  # conversations to choose from; an older one by its name


class Chatting(Sweeping, inherit_bindings=False):
    """An answer belongs to this screen, so that it goes on while other panes are in front."""

    def __init__(self, backends: Backends, options: Options) -> None:
        super().__init__(backends, options)
        self._to_keep: dict[int, Conversation] = {}  # by the state's serial; what waits to be written
        self._kept: dict[int, KeptConversation] = {}
        self._keeping = False
        self._not_kept = ""  # why the last one could not be written, so that it is told once

    @property
    def _chat(self) -> ChatState:
        state = self.states["chat"]
        assert isinstance(state, ChatState)
        return state

    # -- asking

    def on_chat_pane_asked(self, message: ChatPane.Asked) -> None:
        if (sample := self._answering()) is None:
            return
        model, now = sample.models[0].id, self.b.clock.now()
        self._next("chat", Asked(text=message.text, model=model, at=now, instead_of=message.instead_of))
        self._work("chat", self._ask(self._chat.conversation, sample.base_url, model))

    async def _ask(self, conversation: Conversation, url: str, model: str) -> None:
        server, settings = self.b.server(url), conversation.settings
        ending: Problem | None = None
        self._keep_soon()
        stored_at = self.b.clock.monotonic()
        try:
            deltas = reply(server, model, conversation.messages, settings.mode, settings.sampling, self.b.clock)
            async for delta in self._each(deltas):
                self._next("chat", delta)
                if self.b.clock.monotonic() - stored_at >= _STORED_EVERY_S:
                    stored_at = self.b.clock.monotonic()
                    self._keep_soon()
        except NemotuiError as error:
            ending = error.problem
        finally:
            await server.close()
        self._answer_ends(ending)

    def on_chat_pane_changed(self, message: ChatPane.Changed) -> None:
        """Another mode, a new conversation: the pane's state changes by its own word."""
        self._next("chat", message.event)

    def on_chat_pane_stopped(self) -> None:
        self.workers.cancel_group(self, "chat")
        self._answer_ends(None)

    def _answer_ends(self, event: Problem | None) -> None:
        if self._chat.answering:
            self._next("chat", event)
            self._keep_soon()

    # -- storing

    def _keep_soon(self) -> None:
        """Store what is shown, after what is being stored; an answer that is being written as if it ended here."""
        if self.b.conversations is not None and self._chat.turns:
            self._to_keep[self._chat.serial] = self._chat.conversation.after(None)
            if not self._keeping:
                self._keeping = True
                self.run_worker(self._keep_all(), group="keep-chat")

    async def store_all(self) -> None:
        """The console is about to end: what it knows of an answer that is being written is stored now."""
        if self._chat.answering:
            self._keep_soon()
        await self.workers.wait_for_complete([each for each in self.workers if each.group == "keep-chat"])

    async def _keep_all(self) -> None:
        try:
            while self._to_keep:
                serial = next(iter(self._to_keep))
                try:
                    await self._keep(serial, self._to_keep.pop(serial))
                    self._not_kept = ""
                except NemotuiError as error:
                    before, self._not_kept = self._not_kept, str(error)
                    if self._not_kept != before:
                        self.notify(self._not_kept, severity="error")
        finally:
            self._keeping = False

    async def _keep(self, serial: int, conversation: Conversation, name: str | None = None) -> None:
        assert self.b.conversations is not None
        before = None if name else self._kept.get(serial)
        try:
            kept = await self.b.conversations.save(conversation, before, name=name)
        except FailedError as error:
            if error.problem.kind != "conversation_changed":
                raise
            kept = await self.b.conversations.save(conversation)
            self.notify(f"{error.problem.message}: this one is stored as {kept.name}.", severity="warning")
        self._kept[serial] = kept
        self._next("chat", Kept(serial, kept))

    def on_chat_pane_store(self, message: ChatPane.Store) -> None:
        if self.b.conversations is None or not self._chat.turns or self._chat.answering:
            words = "An answer is being written." if self._chat.answering else "There is nothing to store yet."
            self.notify(words, severity="warning")
            return
        self._work("store-chat", self._store_conversation(message.name))

    async def _store_conversation(self, name: str) -> None:
        with troubles_told(self):
            await self._keep(self._chat.serial, self._chat.conversation, name or None)
            if kept := self._chat.kept:
                self.notify(f"Stored, and as .md beside it: {kept.path}", timeout=15)

    # -- opening

    def on_chat_pane_open(self, message: ChatPane.Open) -> None:
        if self.b.conversations is None:
            return
        if self._chat.answering:
            self.notify(f"An answer is being written. {key_of('leave-field')} stops it.", severity="warning")
        elif message.name:
            self._work("open-chat", self._open_conversation(message.name))
        else:
            self._work("open-chat", self._choose_conversation())

    async def _choose_conversation(self) -> None:
        assert self.b.conversations is not None
        listed, left = await self.b.conversations.listed(_LISTED)

        def chosen(name: str | None) -> None:
            if name is not None:
                self._work("open-chat", self._open_conversation(name))

        self.app.push_screen(Conversations(listed, left), chosen)

    async def _open_conversation(self, name: str) -> None:
        assert self.b.conversations is not None
        with troubles_told(self):
            conversation, kept = await self.b.conversations.open(name)
            if not self._chat.answering:
                self._next("chat", Opened(conversation, kept))
                self._kept[self._chat.serial] = kept
                self.query_one(ChatPane).action_newest()

    # -- the editor

    def on_chat_pane_edit(self, message: ChatPane.Edit) -> None:
        self._work("editor", self._edit_question(message.text))

    async def _edit_question(self, text: str) -> None:
        """The editor has the terminal, and nothing is drawn; everything else goes on."""
        if self.b.editor is None:
            return
        trouble: Any = None
        try:
            with self.app.batch_update(), self.app.suspend():
                try:
                    text = await self.b.editor.edit(text)
                except NemotuiError as error:  # told when the terminal is ours again
                    trouble = error
        except SuspendNotSupported:
            trouble = "This terminal cannot be handed to an editor."
        if trouble is not None:
            self.notify(str(trouble), severity="error")
        else:
            self.query_one(ChatPane).field.put(text)
