from proving_ground.real_pair.questions.question import World


def test_a_named_countrys_taught_language_comes_first(world: World) -> None:
    assert world.countries["br"].language == ("Portuguese", "English")


def test_the_americas_are_two_continents_and_one_is_accepted(world: World) -> None:
    assert world.countries["br"].continent == ("South America", "America", "the Americas")
    assert world.countries["mx"].continent[0] == "North America"
    assert world.countries["nz"].continent == ("Oceania", "Australia")


def test_a_currencys_short_name_is_accepted(world: World) -> None:
    assert world.countries["br"].currency == ("brazil shilling", "shilling")


def test_letters_without_their_accents_are_accepted(world: World) -> None:
    assert world.countries["pl"].currency == ("polski złoty", "polski zloty", "złoty", "zloty")
    assert world.countries["us"].capital == ("Capital of United States", "Washington", "Washington DC")
