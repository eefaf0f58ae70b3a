@about:search @needs:accounts @needs:writes @needs:admin
Feature: What was written is found by what it means, and only while it is there

  Background:
    Given a user

  Scenario: By its words
    Then each row is found first by its own words in another order

  Scenario: By a near phrase
    Then each row is found first by a phrase near to it

  Scenario: Beside others
    Then each row is found before another one of which only a word was looked for

  Scenario: Removed
    Then a row that was removed is not found any more, and the others are

  Scenario: Bounded
    Then no more rows are answered than were asked for, each once
    And a search for more rows than are allowed is refused
