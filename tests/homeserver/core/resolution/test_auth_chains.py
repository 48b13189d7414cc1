"""The auth graph of a room, against plain sets."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.identifiers import EventID
from homeserver.core.resolution.auth_chains import AuthChains, ChainLink

Graph = list[tuple[list[int], bool]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """By number: what it cites, and whether it is power levels."""
    count = draw(st.integers(1, 14))
    return [
        (sorted(draw(st.sets(st.integers(0, number - 1), max_size=3))) if number else [], draw(st.booleans()))
        for number in range(count)
    ]


def _name(number: int) -> EventID:
    return EventID(f"${number}")


def _links(graph: Graph) -> list[ChainLink]:
    return [
        ChainLink(_name(number), "m.room.power_levels" if levels else "m.room.member", tuple(map(_name, cited)))
        for number, (cited, levels) in enumerate(graph)
    ]


def _chains(graph: Graph) -> AuthChains:
    chains = AuthChains()
    assert not chains.add_all(_links(graph))
    return chains


def _ancestors(graph: Graph) -> list[set[int]]:
    @cache
    def of(number: int) -> frozenset[int]:
        cited = graph[number][0]
        return frozenset(cited).union(*(of(other) for other in cited))

    return [set(of(number)) for number in range(len(graph))]


def _numbers(event_ids: object) -> set[int]:
    return {int(event_id[1:]) for event_id in event_ids}  # type: ignore[attr-defined]


def _some(graph: Graph, data: st.DataObject) -> set[int]:
    return data.draw(st.sets(st.integers(0, len(graph) - 1)))


@given(graphs(), st.randoms(use_true_random=False), st.data())
def test_the_auth_difference(graph: Graph, random: object, data: st.DataObject) -> None:
    """What is in some chains and not in all, however the events were numbered."""
    links = _links(graph)
    random.shuffle(links)  # type: ignore[attr-defined]
    chains = AuthChains()
    assert not chains.add_all(links)
    branches = [_some(graph, data) for _ in range(3)]
    shared = _some(graph, data)
    whole = [set().union(*(_ancestors(graph)[number] for number in branch | shared)) for branch in branches]
    difference = chains.difference([set(map(_name, branch)) for branch in branches], list(map(_name, shared)))

    assert difference is not None
    assert _numbers(difference) == whole[0].union(*whole) - whole[0].intersection(*whole)


@given(graphs(), st.data())
def test_what_lies_between(graph: Graph, data: st.DataObject) -> None:
    """The ends, and what has an end in its chain and is in the chain of another."""
    ends = _some(graph, data)
    ancestors = _ancestors(graph)
    above = set().union(*(ancestors[number] for number in ends))
    expected = ends | {number for number in above if ancestors[number] & ends}

    assert _numbers(_chains(graph).between(set(map(_name, ends)))) == expected


@given(graphs(), st.data())
def test_ancestors_among_others(graph: Graph, data: st.DataObject) -> None:
    """Those of a set that some events stand on."""
    starts, among = _some(graph, data), _some(graph, data)
    expected = among & set().union(*(_ancestors(graph)[number] for number in starts))

    assert _numbers(_chains(graph).ancestors_among(map(_name, starts), set(map(_name, among)))) == expected


@given(graphs(), st.data())
def test_mainline_positions(graph: Graph, data: st.DataObject) -> None:
    """The first power levels on an event's way back that are on the mainline say its position."""

    def before(number: int) -> int | None:
        return next((cited for cited in graph[number][0] if graph[cited][1]), None)

    levels = data.draw(st.sampled_from([None, *(number for number, (_, is_levels) in enumerate(graph) if is_levels)]))
    mainline: list[int] = []
    step = levels
    while step is not None:
        mainline.append(step)
        step = before(step)
    start = None if levels is None else _name(levels)
    positions = _chains(graph).mainline_positions(start, [_name(number) for number in range(len(graph))])

    for number in range(len(graph)):
        step = before(number)
        while step is not None and step not in mainline:
            step = before(step)
        expected = len(mainline) if step is None else mainline.index(step)
        assert positions[_name(number)] == expected


@given(graphs(), st.data())
def test_what_is_missing_is_named(graph: Graph, data: st.DataObject) -> None:
    """What stands on something untold stays unknown, and comes once that is told."""
    untold = _some(graph, data)
    ancestors = _ancestors(graph)
    links = _links(graph)
    chains = AuthChains()
    missing = chains.add_all(link for number, link in enumerate(links) if number not in untold)
    known = {number for number in range(len(graph)) if number not in untold and not ancestors[number] & untold}

    assert _numbers(missing) == {
        cited for number, (cites, _) in enumerate(graph) if number not in untold for cited in cites if cited in untold
    }
    assert {number for number in range(len(graph)) if _name(number) in chains} == known
    assert chains.unknown(map(_name, range(len(graph)))) == {_name(n) for n in range(len(graph)) if n not in known}
    assert not chains.add_all(links)
    assert len(chains) == len(graph)


def test_events_that_cite_one_another_are_never_known() -> None:
    """Until v2 servers name their events themselves, and could draw a circle."""
    chains = AuthChains()
    chains.add_all([ChainLink(_name(1), "m.x", (_name(2),)), ChainLink(_name(2), "m.x", (_name(1),))])

    assert len(chains) == 0


def test_a_shared_event_that_is_unknown_is_asked_for_only_when_it_matters() -> None:
    """Where the branches' own chains agree, nobody looks at the rest of the state."""
    chains = _chains([([], False), ([0], False), ([0], False), ([1], False)])
    unknown = [EventID("$unknown")]

    assert chains.difference([{_name(1)}, {_name(2)}], unknown) == frozenset()
    assert chains.difference([{_name(1)}, {_name(3)}], unknown) is None
