"""Bylines give a name and credentials; whoever only reviewed, edited or photographed is not the author."""

import pytest

from newsletter.content.importing.bylines import same_person, split_byline
from newsletter.content.importing.dates import read_date, read_feed_date


@pytest.mark.parametrize(
    ("text", "name", "credentials"),
    [
        ("Nora Feld", "Nora Feld", ()),
        ("By Nora Feld, PT, DPT", "Nora Feld", ("PT", "DPT")),
        ("by nora feld", "", ()),
        ("Written by Dr. Nora Feld", "Dr. Nora Feld", ()),
        ("Nora Feld PT DPT OCS", "Nora Feld", ("PT", "DPT", "OCS")),
        ("Nora Feld, Ph.D., M.D.", "Nora Feld", ("Ph.D.", "M.D.")),
        ("Nora Feld (PT, DPT)", "Nora Feld", ("PT", "DPT")),
        ("Nora Feld, FNP-BC", "Nora Feld", ("FNP-BC",)),
        ("Nora Feld, head of therapy", "Nora Feld", ()),
        ("Nora Feld, Senior Editor", "Nora Feld", ()),
        ("Nora Feld, PT, XYZB", "Nora Feld", ("PT", "XYZB")),
        ("By Nora Feld, BBC", "Nora Feld", ()),
        ("Martin King, Jr., MD", "Martin King Jr.", ("MD",)),
        ("By Nora Feld | September 1, 2026", "Nora Feld", ()),
        ("By Nora Feld on 1 Sept 2026", "Nora Feld", ()),
        ("By\nNora Feld\nUpdated yesterday", "Nora Feld", ()),
        ("By Nora Feld · 5 min read", "Nora Feld", ()),
        ("By: Nora Feld", "Nora Feld", ()),
        ("Author: Nora Feld, RDN", "Nora Feld", ("RDN",)),
        ("Text: Nora Feld", "Nora Feld", ()),
        ("Von Jörg Müller-Lüdenscheidt", "Jörg Müller-Lüdenscheidt", ()),
        ("By Nora Feld and Ada Brook", "Nora Feld and Ada Brook", ()),
        ("By Nora Feld, Ada Brook and Li Wei", "Nora Feld, Ada Brook and Li Wei", ()),
        ("Nora Feld, PT & Ada Brook, MD", "Nora Feld and Ada Brook", ()),
        ("Ludwig van Beethoven", "Ludwig van Beethoven", ()),
        ("Conan O'Brien", "Conan O'Brien", ()),
        ("Reviewed by Nora Feld, PT", "", ()),
        ("Medically reviewed by Dr. Ames", "", ()),
        ("Photo by Nora Feld", "", ()),
        ("Edited by Nora Feld", "", ()),
        ("admin", "", ()),
        ("Editorial Team", "", ()),
        ("By the way, this is a sentence about nothing at all.", "", ()),
        ("https://example.org/nora", "", ()),
        ("", "", ()),
        ("1234", "", ()),
    ],
)
def test_a_byline_is_told_apart(text, name, credentials):
    assert split_byline(text) == (name, credentials)


def test_titles_and_capitals_do_not_make_another_person():
    assert same_person("Dr. Nora Feld", "nora  feld")
    assert not same_person("Nora Feld", "Nora Field")
    assert not same_person("", "")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-09-01", "2026-09-01"),
        ("2026-09-01T23:30:00-05:00", "2026-09-01"),
        ("20260901", "2026-09-01"),
        ("2026/9/1", "2026-09-01"),
        ("September 1, 2026", "2026-09-01"),
        ("Sept. 1st, 2026", "2026-09-01"),
        ("Updated: 1 Sept 2026", "2026-09-01"),
        ("1. September 2026", "2026-09-01"),
        ("le 1er août 2026", "2026-08-01"),
        ("1 de enero de 2026", "2026-01-01"),
        ("Tue, 01 Sep 2026 10:00:00 +0000", "2026-09-01"),
        ("01.09.2026", "2026-09-01"),
        ("13/09/2026", "2026-09-13"),
        ("09/13/2026", "2026-09-13"),
        ("03/04/2026", None),
        ("31 April 2026", None),
        ("1226 words", None),
        ("in May", None),
        ("", None),
    ],
)
def test_dates_are_read_or_left_alone(text, day):
    found = read_date(text)
    assert (found.isoformat() if found else None) == day


def test_what_two_numbers_mean_depends_on_the_language():
    assert str(read_date("03/04/2026", day_first=True)) == "2026-04-03"
    assert str(read_date("03/04/2026", day_first=False)) == "2026-03-04"


@pytest.mark.parametrize("text", ["Tue, 01 Sep 2026 10:00:00 GMT", "2026-09-01T10:00:00Z", "Tue, 1 Sep 2026 10:00 EST"])
def test_feeds_write_dates_in_two_ways(text):
    assert str(read_feed_date(text)) == "2026-09-01"
