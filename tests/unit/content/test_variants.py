"""Every reader gets exactly the passages whose conditions hold for them, and whoever gets it wrong is told where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.rendering.samples import FOLDER, article, issue

from newsletter.content import conditions, variants
from newsletter.content.loader import load_issue
from newsletter.content.values import Issue, Markdown
from newsletter.errors import ContentError

LISTS = ("weekly", "monthly", "staff")


def text(*lines: str, line: int = 9) -> Markdown:
    return Markdown("\n".join(lines), FOLDER / "issue.md", line)


def letter(*lines: str) -> Issue:
    return issue(letter=text(*lines))


def seen(source: Issue, list_slug: str = "weekly", *tags: str) -> list[str]:
    """The lines of the letter that are left."""
    chosen = variants.variants(source, list_slug, LISTS).of(tags)
    return [line for line in chosen.issue.letter.source.split("\n") if line]


LETTER = letter("Dear all,", "::: only tag=member", "for members", ":::", "::: unless tag=member", "join", ":::", "Bye")


def test_block_is_for_those_whose_tag_it_names_and_unless_for_the_others() -> None:
    assert seen(LETTER, "weekly", "member", "other") == ["Dear all,", "for members", "Bye"]
    assert seen(LETTER, "weekly", "other") == ["Dear all,", "join", "Bye"]


def test_lines_keep_their_numbers() -> None:
    for variant in variants.variants(LETTER, "weekly", LISTS).each:
        lines = variant.issue.letter.source.split("\n")
        assert len(lines) == 8
        assert variant.issue.letter.line == 9
        assert lines[7] == "Bye"


def test_one_tag_asked_for_twice_makes_two_variants_named_after_it() -> None:
    found = variants.variants(LETTER, "weekly", LISTS)
    assert [variant.tags for variant in found.each] == [(), ("member",)]
    assert found.questions == (("member",),)


def test_list_decides_without_asking_readers() -> None:
    source = letter("Hello", "::: only list=weekly,monthly", "often", ":::", "::: only list=staff", "inside", ":::")
    for slug, expected in {"weekly": "often", "monthly": "often", "staff": "inside"}.items():
        found = variants.variants(source, slug, LISTS)
        assert len(found.each) == 1
        assert seen(source, slug) == ["Hello", expected]


def test_either_of_two_conditions_will_do() -> None:
    source = letter("Hello", "::: only tag=member, friend | list=staff", "inside", ":::")
    assert seen(source, "staff") == ["Hello", "inside"]
    assert seen(source, "weekly", "friend") == ["Hello", "inside"]
    assert seen(source, "weekly", "foe") == ["Hello"]
    assert len(variants.variants(source, "staff", LISTS).each) == 1


def test_block_in_a_block_asks_for_both() -> None:
    source = letter("Hello", "::: only tag=a", "A", "::: only tag=b", "A and B", ":::", "more A", ":::", "Bye")
    assert seen(source, "weekly", "b") == ["Hello", "Bye"]
    assert seen(source, "weekly", "a") == ["Hello", "A", "more A", "Bye"]
    assert seen(source, "weekly", "a", "b") == ["Hello", "A", "A and B", "more A", "Bye"]
    assert len(variants.variants(source, "weekly", LISTS).each) == 3


def test_callout_inside_keeps_its_own_end() -> None:
    source = letter("Hello", "::: only tag=a", "::: note", "A", ":::", "more A", ":::", ":::: tip", "all", "::::")
    assert seen(source, "weekly", "a") == ["Hello", "::: note", "A", ":::", "more A", ":::: tip", "all", "::::"]
    assert seen(source) == ["Hello", ":::: tip", "all", "::::"]


def test_marker_may_be_typed_carelessly() -> None:
    for marker in (":::only tag=a", "  :::   ONLY  tag = a ", ":::\u00a0only\u00a0tag=a", ":::::: only tag=a"):
        assert seen(letter("Hello", marker, "inside", "  :::", "Bye")) == ["Hello", "Bye"]


def test_button_has_no_end() -> None:
    source = letter("Hello", "::: only tag=a", "::: button https://example.org Visit", ":::", "Bye")
    assert seen(source) == ["Hello", "Bye"]


def test_block_inside_a_callout_is_taken_out_of_it() -> None:
    source = letter("Hello", ":::: note", "all", "::: only tag=a", "A", ":::", "::::", "Bye")
    assert seen(source) == ["Hello", ":::: note", "all", "::::", "Bye"]


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_code_is_left_alone(fence: str) -> None:
    lines = ("Write", fence, "::: only tag=a", "this", ":::", fence, "or", "", "    ::: only tag=b", "    :::")
    assert seen(letter(*lines)) == [line for line in lines if line]
    assert len(variants.variants(letter(*lines), "weekly", LISTS).each) == 1


def test_code_in_a_list_hides_no_block_behind_it() -> None:
    source = letter("- ```", "  code", "  ```", "", "::: only tag=a", "secret", ":::", "Bye")
    assert "secret" not in seen(source)


def test_issue_without_conditions_is_its_own_only_variant() -> None:
    source = letter("Hello", "::: note", "all", ":::")
    found = variants.variants(source, "weekly", LISTS)
    assert found.each[0].issue is source
    assert found.of(("member",)).issue is source


def test_article_is_left_out_as_a_whole() -> None:
    only = conditions.parse("tag=member", path=FOLDER / "sitting.md", line=4)
    source = issue(replace(article("sitting"), condition=only), article("standing"))
    found = variants.variants(source, "weekly", LISTS)
    assert [each.key for each in found.of(()).issue.articles] == ["standing"]
    assert [each.key for each in found.of(("member",)).issue.articles] == ["sitting", "standing"]
    assert all(each.condition is None for variant in found.each for each in variant.issue.articles)


def test_reading_takes_as_long_as_what_is_left() -> None:
    long = Markdown("Short.\n\n::: only tag=member\n" + "word " * 2200 + "\n:::", FOLDER / "sitting.md", 9)
    found = variants.variants(issue(replace(article("sitting"), body=long)), "weekly", LISTS)
    assert [found.of(tags).issue.articles[0].minutes for tags in ((), ("member",))] == [1, 10]


def test_article_says_for_whom_it_is_in_its_front_matter(tmp_path: Path) -> None:
    assert load(tmp_path, "only: tag=member | list=staff").articles[0].condition == conditions.Condition(
        frozenset({"member"}), frozenset({"staff"})
    )
    assert load(tmp_path, "unless: tag=member").articles[0].condition == conditions.Condition(
        frozenset({"member"}), frozenset(), excludes=True
    )


@pytest.mark.parametrize(
    ("front_matter", "line", "said"),
    [
        ("only: member", 6, '"member" is not a condition'),
        ("only:", 6, "not said for whom"),
        ("only: tag=a\nunless: tag=b", 7, "either only or unless"),
        ('excerpt: "::: only tag=a"', 6, "excerpt cannot be different"),
    ],
)
def test_front_matter_that_cannot_be_meant_is_refused_at_its_line(
    tmp_path: Path, front_matter: str, line: int, said: str
) -> None:
    with pytest.raises(ContentError, match=said) as refused:
        load(tmp_path, front_matter)
    assert refused.value.line == line
    assert refused.value.hint


def load(tmp_path: Path, front_matter: str) -> Issue:
    folder = tmp_path / "issues" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "authors.toml").write_text('[nora]\nname = "Nora Feld"\n')
    (folder / "issue.md").write_text("---\nsubject: Hello\ndate: 2026-09-15\n---\nDear reader\n")
    head = f"---\ntitle: A\nauthor: nora\ncategory: B\nwritten_at: 2026-09-01\n{front_matter}\n---\n"
    (folder / "01-a.md").write_text(f"{head}Stand tall.\n")
    return load_issue(folder.parent, "one")


def test_picture_in_a_block_is_found_whoever_the_block_is_for(tmp_path: Path) -> None:
    load(tmp_path, "")
    (tmp_path / "issues" / "one" / "issue.md").write_text(
        "---\nsubject: Hello\ndate: 2026-09-15\n---\nDear\n\n::: only tag=a\n![A neck](neck.jpg)\n:::\n"
    )
    with pytest.raises(ContentError, match=r"neck\.jpg") as refused:
        load_issue(tmp_path / "issues", "one")
    assert refused.value.line == 8


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (("Hello", "::: only tag=a", "x"), 10, "never closed"),
        (("Hello", "::: only tag=a", "::: note", "x", ":::"), 10, "never closed"),
        (("::: only", "x", ":::"), 9, "not said for whom"),
        (("::: only member", ":::"), 9, '"member" is not a condition'),
        (("::: only tags=member", ":::"), 9, "is not a condition"),
        (("::: only tag=Member", ":::"), 9, '"Member" is not a tag'),
        (("::: only tag=a,", ":::"), 9, "name of a tag is missing"),
        (("::: only tag=a | ", ":::"), 9, "not said for whom"),
        (("Hi", "::: only list=wekly", "x", ":::"), 10, 'no list "wekly"'),
        (("::: only tag=a", "x", ":::"), 9, "Nothing of this text is left"),
        (("> ::: only tag=a", "> x", "> :::"), 9, "inside a list or quotation"),
        (("- one", "    ::: only tag=a", "    x", "    :::"), 10, "inside a list or quotation"),
        (("1. ::: unless tag=a", "   x", "   :::"), 9, "inside a list or quotation"),
        ((":: only tag=a", "x", "::"), 9, "is none"),
        (("：：：only tag=a", "x", "：：："), 9, "is none"),
        (("\u00a0::: unless list=weekly", "x"), 9, "is none"),
        (("A", *(f"::: only tag={tag}" for tag in "abcd"), "x", *[":::"] * 4), 13, "more than 3 deep"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_line(lines: tuple[str, ...], line: int, said: str) -> None:
    with pytest.raises(ContentError, match=said) as refused:
        variants.variants(letter(*lines), "weekly", LISTS)
    assert refused.value.line == line
    assert refused.value.path == FOLDER / "issue.md"
    assert refused.value.hint


@pytest.mark.parametrize(
    ("condition", "advice"),
    [("not tag=a", "unless"), ("tag=a and tag=b", "one block into another"), ("tag=a or tag=b", "|")],
)
def test_who_writes_other_words_is_told_the_right_ones(condition: str, advice: str) -> None:
    with pytest.raises(ContentError) as refused:
        conditions.parse(condition, path=FOLDER, line=1)
    assert advice in refused.value.hint


def asking(*tags: str) -> Issue:
    return letter("Hello", *(line for tag in tags for line in (f"::: only tag={tag}", tag, ":::")))


@pytest.mark.parametrize("tags", [("a", "b", "c", "d"), tuple("abcdefghijklmnopqrstuvwxyz")])
def test_more_variants_than_anybody_could_look_at_are_refused(tags: tuple[str, ...]) -> None:
    assert len(variants.variants(asking("a", "b", "c"), "weekly", LISTS).each) == variants.MOST
    with pytest.raises(ContentError, match="more than 8 variants"):
        variants.variants(asking(*tags), "weekly", LISTS)


def test_hundred_conditions_that_agree_are_one_question() -> None:
    assert len(variants.variants(asking(*["member"] * 100), "weekly", LISTS).each) == 2


NAMES = st.sampled_from(["a", "b", "c"])
CONDITIONS = st.builds(
    lambda word, tags, lists: (word, frozenset(tags), frozenset(lists)),
    st.sampled_from(["only", "unless"]),
    st.sets(NAMES, max_size=2),
    st.sets(st.sampled_from(["weekly", "staff"]), max_size=1),
).filter(lambda drawn: bool(drawn[1] or drawn[2]))
TREES = st.recursive(
    st.just(()),
    lambda inner: st.lists(st.tuples(CONDITIONS, inner), max_size=3).map(tuple),
    max_leaves=5,
)


def written(tree: tuple, depth: int = 0) -> list[str]:
    """Markdown of a tree of blocks, each with a word of its own."""
    lines = []
    for (word, tags, lists), inner in tree:
        terms = [f"{kind}={','.join(sorted(names))}" for kind, names in (("tag", tags), ("list", lists)) if names]
        lines += [f"::: {word} {' | '.join(terms)}", f"w{id(inner)}", *written(inner, depth + 1), ":::"]
    return lines


def expected(tree: tuple, list_slug: str, tags: set[str]) -> list[bool]:
    """Of every block in source order, whether a reader sees it: the definition, told again."""
    found = []
    for (word, wanted, lists), inner in tree:
        holds = (bool(wanted & tags) or list_slug in lists) == (word == "only")
        found.append(holds)
        found += [holds and each for each in expected(inner, list_slug, tags)]
    return found


def depth(tree: tuple) -> int:
    return max((1 + depth(inner) for _, inner in tree), default=0)


@given(TREES.filter(lambda tree: depth(tree) <= variants.DEEPEST), st.sets(NAMES | st.just("other")))
def test_reader_sees_exactly_the_blocks_whose_conditions_hold(tree: tuple, tags: set[str]) -> None:
    numbers = iter(range(1000))
    lines = ["Hello", *(f"w{next(numbers)}" if line.startswith("w") else line for line in written(tree))]
    for slug in LISTS:
        found = variants.variants(letter(*lines), slug, LISTS)
        shown = [line for line in found.of(tags).issue.letter.source.split("\n") if line]
        wanted = [f"w{number}" for number, yes in enumerate(expected(tree, slug, tags)) if yes]
        assert shown == ["Hello", *wanted]
        assert len({variant.issue.letter.source for variant in found.each}) == len(found.each) <= variants.MOST
        assert all(found.of(variant.tags) is variant for variant in found.each)
