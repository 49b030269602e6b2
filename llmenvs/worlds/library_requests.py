"""What readers ask of the library: templates of requests and their plans."""

from datetime import date

import numpy as np

from llmenvs.data.search_qa import load_corpus
from llmenvs.retrievers import Passage
from llmenvs.worlds.library import CLOSED, Entry, LibraryWorld, corpus_index
from llmenvs.worlds.names import among, one, some
from llmenvs.worlds.scenario import Result, Scenario, Step, Template

LISTS = ("summer", "commute", "school", "journey", "rainy days", "borrowed")


def _library(rng: np.random.Generator) -> LibraryWorld:
    """Four lists of different lengths, the closed one among them."""
    world = LibraryWorld(today=date(2026, among(rng, 1, 12), among(rng, 1, 28)))
    names = [CLOSED, *some(rng, LISTS, 3)]
    lengths = some(rng, range(2, 7), len(names))
    for name, length in zip(names, lengths, strict=True):
        for _ in range(length):
            number = len(world.entries) + 1
            world.entries[f"N-{number}"] = Entry(name, _findable(rng, world).passage_id)
    return world


def _findable(rng: np.random.Generator, world: LibraryWorld) -> Passage:
    """Draw an article that is on no list and that a search for its title finds first."""
    listed = {entry.passage_id for entry in world.entries.values()}
    while True:
        passage = one(rng, load_corpus())
        [hits] = corpus_index().search([passage.title], 2)
        unique = len(hits) == 2 and hits[0].title != hits[1].title
        if passage.passage_id not in listed and hits[0].passage_id == passage.passage_id and unique:
            return passage


def _open_list(rng: np.random.Generator, world: LibraryWorld) -> str:
    names = sorted({entry.list_name for entry in world.entries.values()} - {CLOSED})
    return one(rng, names)


def _search(title: str) -> Step:
    return Step("search_articles", {"query": title})


def _find(rng: np.random.Generator) -> Scenario:
    world = _library(rng)
    passage = _findable(rng, world)
    request = one(
        rng,
        (
            f'What is the id of the article "{passage.title}"?',
            f'Under which id do you have the article called "{passage.title}"? Only that one.',
        ),
    )
    return Scenario(
        world,
        request,
        (_search(passage.title),),
        "Its id is {0[articles][0][id]}.",
        facts=(passage.passage_id,),
        forbidden=(Result(0, "articles", 1, "id"),),
    )


def _longest(rng: np.random.Generator) -> Scenario:
    world = _library(rng)
    wanted = _open_list(rng, world)
    request = one(
        rng,
        (
            f'Which of my lists is the longest, and what stands first on "{wanted}"?',
            f'Tell me the name of my longest list and the first title on the list "{wanted}".',
        ),
    )
    return Scenario(
        world,
        request,
        (Step("list_lists", {}), Step("show_list", {"list_name": wanted})),
        f'The longest is {{0[lists][0][name]}}. On "{wanted}", {{1[articles][0][title]}} is first.',
        facts=(Result(0, "lists", 0, "name"), Result(1, "articles", 0, "title")),
    )


def _save(rng: np.random.Generator) -> Scenario:
    world = _library(rng)
    passage, name = _findable(rng, world), _open_list(rng, world)
    request = one(
        rng,
        (
            f'Put the article "{passage.title}" on my list "{name}" and tell me how many are on it '
            "then.",
            f'I want to read "{passage.title}": add it to "{name}", and say how long that list is '
            "now.",
        ),
    )
    if rng.random() < 0.5:
        world.failing["search_articles"] = 1
    add = {"list_name": name, "article_id": Result(0, "articles", 0, "id")}
    return Scenario(
        world,
        request,
        (_search(passage.title), Step("add_to_list", add)),
        "It is on the list, which has {1[count]} articles now.",
        facts=(Result(1, "count"),),
    )


def _done(rng: np.random.Generator) -> Scenario:
    world = _library(rng)
    name = _open_list(rng, world)
    position = among(rng, 0, 1)
    place = ("first", "second")[position]
    request = one(
        rng,
        (
            f'I have read the {place} article on "{name}". Take it off and tell me how many are '
            "left.",
            f'Remove what stands {place} on my list "{name}". How many articles remain on it?',
        ),
    )
    remove = {"list_name": name, "article_id": Result(0, "articles", position, "id")}
    return Scenario(
        world,
        request,
        (Step("show_list", {"list_name": name}), Step("remove_from_list", remove)),
        "It is off the list; {1[count]} are left.",
        facts=(Result(1, "count"),),
    )


def _swap(rng: np.random.Generator) -> Scenario:
    world = _library(rng)
    names = sorted({entry.list_name for entry in world.entries.values()} - {CLOSED})
    source, target = some(rng, names, 2)
    request = one(
        rng,
        (
            f'Move the first article of "{source}" to "{target}" and tell me its title.',
            f'Whatever is first on "{source}" belongs on "{target}" instead. Move it; what is it '
            "called?",
        ),
    )
    article = Result(0, "articles", 0, "id")
    steps = (
        Step("show_list", {"list_name": source}),
        Step("remove_from_list", {"list_name": source, "article_id": article}),
        Step("add_to_list", {"list_name": target, "article_id": article}),
    )
    response = "{2[title]} has been moved."
    return Scenario(world, request, steps, response, facts=(Result(2, "title"),))


def _closed(rng: np.random.Generator) -> Scenario:
    world = _library(rng)
    passage = _findable(rng, world)
    request = one(
        rng,
        (
            f'Put "{passage.title}" on the list "{CLOSED}"; if that cannot be, tell me its id.',
            f'Add the article "{passage.title}" to "{CLOSED}". Should that be forbidden, what is '
            "its id?",
        ),
    )
    return Scenario(
        world,
        request,
        (_search(passage.title), Step("decline", {"reason": "closed_list"})),
        "That list is closed. The article's id is {0[articles][0][id]}.",
        facts=(passage.passage_id,),
    )


TEMPLATES = (
    Template("find", "read", _find),
    Template("longest", "read", _longest),
    Template("save", "write", _save),
    Template("done", "write", _done),
    Template("move", "write", _swap),
    Template("closed", "refuse", _closed),
)
