@about:jwt @needs:principal
Feature: A token that the service did not sign is never accepted

  Background:
    Given a service that can say no
    And a user

  @about:log-in @needs:accounts
  Scenario: The token that logging in gives is accepted
    When the user logs in
    Then the user's token is accepted

  @about:log-in @needs:accounts @needs:writes
  Scenario: Somebody who is gone
    Then no API key that was taken back is accepted, and nothing of an account that was removed

  Scenario: A token that somebody changed is worthless
    Then the user's token is accepted
    And the token is refused with each of these changes
      | change                                     |
      | the algorithm is none, in any spelling     |
      | the algorithm is another one               |
      | the algorithm is missing or no text        |
      | the signature is missing, empty or cut     |
      | the signature is edited                    |
      | the payload is edited                      |
      | it is signed with another key              |
      | its header names a key of the attacker     |
      | it is not what a token looks like          |
      | it comes with another scheme               |
      | it comes twice                             |
    And the user's token is accepted

  @needs:mint
  Scenario: A right signature does not make a wrong token right
    Given a token that the checks sign with the service's own secret
    Then the user's token is accepted
    And a token with each of these flaws is refused although its signature is right
      | flaw                                                     |
      | it is expired                                            |
      | it is not yet valid                                      |
      | it never expires                                         |
      | it is from another issuer                                |
      | it is for another audience                               |
      | it is for nobody or somebody unknown                     |
      | its algorithm is another one of the family               |
      | its algorithm does not say how it is signed              |
      | its header asks for an extension that must be understood |
      | a member of its header or payload is there twice         |
      | its payload is no JSON object                            |
    And the user's token is accepted

  Scenario: Every route that asks for a token checks its signature
    Then the user's token is accepted
    And no route accepts a token without a valid signature
    And the user's token is accepted
