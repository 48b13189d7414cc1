"""Tests of homeserver/store/search.py and what finds in it."""

from typing import Any

from homeserver.core.canonical import encode_json
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import EVENT, STORED, Position
from homeserver.core.search_words import words_sought
from homeserver.core.searchable import EVERY_KEY, SearchKey
from homeserver.core.timeline import Status
from homeserver.store import events, search, search_hits
from homeserver.store.events import StoredEvent
from homeserver.store.search_hits import Hits, SearchQuery, hits
from tests.databases import TransactionCase, each_database

ALICE = UserID("@alice:one.example")


@each_database
class SearchIndexTests(TransactionCase):
    """Texts go into the index, are found by words, and leave it."""

    def message(self, body: str, **more: Any) -> int:
        """The nid of a message that is stored; nothing is indexed yet."""
        content = more.pop("content", {"msgtype": "m.text", "body": body})
        nid = more.pop("nid", None) or self.tx.log(EVENT, "!r:one.example")
        kind, ts = more.pop("type", "m.room.message"), more.pop("ts", nid)
        row = StoredEvent(
            nid=nid,
            event_id=EventID(f"$e{nid}"),
            room_nid=more.pop("room_nid", 1),
            ordering=more.pop("ordering", nid << 20),
            type=kind,
            state_key=more.pop("state_key", None),
            sender=more.pop("sender", ALICE),
            depth=1,
            origin_server_ts=ts,
            pdu=encode_json({"content": content}),
            **more,
        )
        events.insert(self.tx, row)
        return int(nid)

    def index(self, after: int = 0) -> None:
        found = search.harvest(self.read, Position(after), self.tx.position)
        search.store(self.tx, found.documents)

    def look(self, term: str, *rooms: int, **more: Any) -> Hits:
        params: dict[str, Any] = {"keys": int(EVERY_KEY), "newest": 2**60, "by_rank": False, "limit": 100, **more}
        return hits(self.read, SearchQuery(words_sought(term), rooms or (1,), **params))

    def found(self, term: str, *rooms: int, **more: Any) -> list[int]:
        return [hit.nid for hit in self.look(term, *rooms, **more).first]

    def test_every_word_is_needed(self) -> None:
        """A text is found by any of its words, and by several when it has them all, however they are written."""
        cafe = self.message("Im Café gibt es Straßenbahn-Kuchen")
        other = self.message("Der CAFE ist zu")
        self.index()

        self.assertEqual([other, cafe], self.found("cafe"))
        self.assertEqual([cafe], self.found("kuchen CAFÉ"))
        self.assertEqual([cafe], self.found("strassenbahn"))
        self.assertEqual([], self.found("kuchen zu"))
        self.assertEqual([], self.found("caf"))
        self.assertEqual([], self.found("!!"))

    def test_scripts_without_spaces(self) -> None:
        """What is written without spaces is found by any part of it, and by nothing that it only seems to hold."""
        tokyo = self.message("昨日、東京都に行きました")
        kyoto = self.message("京都と東京")
        self.index()

        self.assertEqual([kyoto, tokyo], self.found("東京"))
        self.assertEqual([tokyo], self.found("東京都"))
        self.assertEqual([kyoto, tokyo], self.found("京都"))
        self.assertEqual([tokyo], self.found("昨"))
        self.assertEqual([kyoto, tokyo], self.found("都"))
        self.assertEqual([kyoto], self.found("と東京"))

    def test_words_that_a_query_language_knows(self) -> None:
        """What means something to the databases is a word like others here."""
        nid = self.message("AND OR NOT NEAR room: r1 'quoted' \"twice\" back\\slash a & b | c:* -- \x01 ({x})")
        self.index()
        for term in ("and", "OR", "NOT near", "r1", "quoted'", '"twice"', "back\\slash", "a & b", "c:*", "({x})", "x*"):
            self.assertEqual([nid], self.found(term), term)
        self.assertEqual([], self.found("r1 r2"))

    def test_rooms_senders_keys_and_place(self) -> None:
        """Only what is asked for is found."""
        one = self.message("apple", room_nid=1)
        two = self.message("apple", room_nid=2, sender=UserID("@bob:one.example"))
        name = self.message("", room_nid=2, type="m.room.name", state_key="", content={"name": "Apple tree"})
        topic = {"topic": "pear", "m.topic": {"m.text": [{"body": "apple"}, {"body": "plum", "mimetype": "text/html"}]}}
        about = self.message("", room_nid=2, type="m.room.topic", state_key="", content=topic)
        self.message("apple", ordering=None, status=Status.OUTLIER)
        self.message("apple", type="m.room.encrypted")
        self.index()

        self.assertEqual([about, name, two, one], self.found("apple", 1, 2))
        self.assertEqual([one], self.found("apple", 1))
        self.assertEqual([two], self.found("apple", 1, 2, senders=[UserID("@bob:one.example"), UserID("@x\0:y")]))
        self.assertEqual([], self.found("apple", 1, 2, senders=[]))
        self.assertEqual([name], self.found("apple", 1, 2, keys=int(SearchKey.NAME)))
        self.assertEqual([about, name], self.found("apple", 1, 2, keys=int(SearchKey.NAME | SearchKey.TOPIC)))
        self.assertEqual([two, one], self.found("apple", 1, 2, newest=two))
        self.assertEqual([], self.found("plum", 2))
        self.assertEqual(([about], 4), (self.found("apple", 1, 2, limit=1), self.look("apple", 1, 2, limit=1).total))
        self.assertEqual([about, name, two, one], self.found("apple", *range(1, 100)))

    def test_the_closest_match_comes_first(self) -> None:
        """By rank what is about the words comes before what only mentions them."""
        close = self.message("apple apple")
        self.message("pear")
        far = self.message("an apple among very many other words that are about something else altogether")
        self.index()
        ranked = self.look("apple", by_rank=True).first

        self.assertEqual([close, far], [hit.nid for hit in ranked])
        self.assertGreater(ranked[0].rank or 0, ranked[1].rank or 0)
        self.assertEqual([far, close], self.found("apple"))

    def test_of_many_matches_the_newest(self) -> None:
        """A search that ends early has found the newest of what passes its filter, and says that there is more."""
        self.patch(search_hits, "COUNTED_MAX", 2)
        self.patch(search_hits, "RANKED_MAX", 3)
        bob = UserID("@bob:one.example")
        ours = [self.message(f"apple {number}", sender=bob) for number in range(4)]
        nids = [self.message(f"apple and pear {number}") for number in range(6)]
        self.index()

        self.assertEqual(nids[:-4:-1], self.found("apple", limit=3))
        self.assertEqual(5, self.look("apple", limit=3).total)
        self.assertEqual(ours[::-1], self.found("apple", senders=[bob]))
        self.assertEqual(3, self.look("apple", by_rank=True).total)
        self.assertEqual(set(nids[3:]), set(self.found("apple", by_rank=True)))
        self.assertEqual([*nids[::-1], *ours[::-1]], self.found("apple"))

    def test_what_is_redacted_is_gone(self) -> None:
        """Neither what was indexed is found after its redaction, nor what was redacted between harvest and storing."""
        nid, late, kept = (self.message(body) for body in ("apple pear", "apple", "apple"))
        self.index()
        events.redact(self.tx, nid, EventID("$r"), encode_json({"content": {}}))
        more = self.message("apple plum")
        harvest = search.harvest(self.read, Position(kept), self.tx.position)
        events.redact(self.tx, more, EventID("$r"), encode_json({"content": {}}))
        search.store(self.tx, harvest.documents)

        self.assertEqual([kept, late], self.found("apple"))
        self.assertEqual(([], []), (self.found("pear"), self.found("plum")))
        self.assertEqual((2, 1), (search.count(self.read), search.upkeep(self.read)[1]))
        events.redact(self.tx, nid, EventID("$r2"), encode_json({"content": {}}))
        self.assertEqual([kept, late], self.found("apple"))

    def test_erased_words_are_gone_from_the_tables(self) -> None:
        """After the index was written anew nothing in it tells the words."""
        if self.kind != "sqlite":
            self.skipTest("PostgreSQL keeps the words in the row itself")
        for number in range(300):
            self.message(f"number{number} verysecretword{number}")
        self.index()
        for nid in range(1, self.tx.position + 1):
            if nid % 2:
                search.forget(self.tx, [nid])
        begin, steps = True, 0
        while search.rewrite(self.tx, begin=begin):
            begin, steps = False, steps + 1
            self.assertLess(steps, 1000)
        cursor = self.read.connection.cursor()
        cursor.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, search_words, row)")
        cursor.execute("SELECT count(*), sum(cnt) FROM temp.terms WHERE term LIKE 'verysecret%'")

        self.assertEqual((150, 150), cursor.fetchone())
        self.assertEqual(0, search.upkeep(self.read)[1])
        cursor.execute("INSERT INTO search_words(search_words) VALUES ('integrity-check')")

    def test_what_is_placed_later_is_indexed(self) -> None:
        """An outlier that gets its place is found from then on, though it was stored long before."""
        nid = self.message("", type="m.room.name", state_key="", content={"name": "apple"}, ordering=None)
        self.index()
        after = self.tx.position
        self.assertEqual([], self.found("apple"))
        self.tx.log(STORED, "!r:one.example", nid)
        self.tx.finish()
        events.place(self.tx, nid, 5, Status.ACCEPTED)
        self.index(after)
        self.index(after)

        self.assertEqual([nid], self.found("apple"))

    def test_an_edit_is_a_text_of_its_own(self) -> None:
        """It is found by its new text, not by what it says to clients without edits, at the time of the original."""
        original = self.message("apple", ts=10)
        between = self.message("pear", ts=20)
        edit = {
            "body": "* plum",
            "m.new_content": {"body": "pear"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": f"$e{original}"},
        }
        nid = self.message("", content=edit, ts=30)
        self.index()

        self.assertEqual(([original], [], [between, nid]), tuple(map(self.found, ("apple", "plum", "pear"))))

    def test_clearing(self) -> None:
        """In steps everything goes."""
        for number in range(50):
            self.message(f"apple {number}")
        self.index()
        self.patch(search, "CLEARED_AT_ONCE", 20)
        steps = 1
        while search.clear(self.tx):
            steps += 1
        self.assertEqual((3, True, []), (steps, search.is_empty(self.read), self.found("apple")))
        self.index()
        self.assertEqual(50, self.look("apple").total)
