@about:replicas @needs:accounts @needs:writes
Feature: A client reads what it wrote, wherever its reads are answered

  Background:
    Given a user

  Scenario: What was written is read with its bookmark
    When the user writes something and is told a bookmark
    Then it is read with that bookmark, and no older one is told
    And what is written next has a later bookmark, and is read with it

  Scenario: A bookmark that is none
    When the user writes something and is told a bookmark
    Then it is read with that bookmark, and no older one is told
    And a bookmark that is malformed or too long is ignored
    And a bookmark of a state that never was does no harm

  Scenario: What asks no copy tells no bookmark
    When the user writes something and is told a bookmark
    Then a refusal and an answer from a cache tell none
