@about:cors
Feature: Only listed origins get CORS headers

  Background:
    Given a service that can say no

  Scenario: Reading answers
    Then pages of every listed origin may read answers
    And pages of no other origin may read answers
    And caches keep the answers for different origins apart

  Scenario: Sending requests
    Then pages of every listed origin may send what the spec lists
    And they may use every method of every path
    And pages of no other origin may send anything
    And a page may not use methods or headers that are not listed

  Scenario: Errors
    Then pages of every listed origin may read answers
    And errors have the same permissions as other answers
