@needs:accounts @needs:writes
Feature: No client input reaches SQL as text

  Background:
    Given a service that can say no
    And a user

  Scenario: Texts in bodies
    Then no payload in any text of a body is more than a text
    And what is stored comes back as it was sent
    And the user's data is what it was

  Scenario: Queries and paths
    Given another user
    Then no payload in any query or path is more than a text
    And no payload finds what belongs to another user
    And the user's data is what it was

  Scenario: Logging in
    Then no payload opens somebody's account
    And the user's data is what it was

  @serial
  Scenario: Payloads that wait
    Then no payload makes any answer wait
    And the user's data is what it was
