@about:principal
Feature: Each role does only what its routes say

  Background:
    Given a service that can say no

  @needs:principal
  Scenario: Nobody
    Given a user
    Then nobody gets anything from a route that asks who calls
    And a route that asks for no role serves every user

  @about:roles @needs:admin @needs:principal
  Scenario: Every role on every route
    Given a user
    Then a route that asks for a role refuses everybody who has it not
    And a route that asks for a role serves everybody who has it

  @about:api-key @needs:accounts @needs:writes
  Scenario: API keys open only what they are for
    Given a user
    And the user has an API key
    Then a credential of the wrong kind is refused
    And the user is still served
