@about:balance @needs:accounts @needs:writes
Feature: Who spends at the same time never spends more than there is

  Scenario: Twice as many spend at once as there is to spend
    Given a user
    And the user has a balance of 100
    When the user spends one 200 times at the same time
    Then exactly 100 of them succeed and all others are refused as a conflict
    And nothing is left
    And the movements add up to the balance
