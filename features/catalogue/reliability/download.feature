@about:download @needs:accounts @needs:writes
Feature: A file is fetched on from where its transfer broke off, and not again by who has it

  Background:
    Given a user

  Scenario: In ranges
    Then the ranges of a file put together are the file, each told as what it is
    And a range that the file does not have is refused, with how long the file is
    And what is no range of bytes is ignored

  Scenario: For its owner alone
    Then nobody on the way may keep a file, and browsers save or show it as declared

  Scenario: Conditions
    Then who has the file is told so without the file
    And who means another file than the one that is there is refused
    And a range of another file than the one that is there is answered with the whole

  Scenario: The head alone
    Then the head of a file says what the file is, without it
