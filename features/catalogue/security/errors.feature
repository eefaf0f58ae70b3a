Feature: An error answer is a problem document that leaks nothing of the inside

  Background:
    Given a service that can say no

  Scenario: Malformed requests
    When malformed requests of many kinds are sent
    Then no answer is a server error
    And every error is a problem document
    And every error tells when it happened and its id
    And no error tells anything of the inside

  Scenario: Ordinary errors
    When answers of every kind are collected
    Then no answer is a server error
    And every error is a problem document
    And every error tells when it happened and its id
    And no error tells anything of the inside

  @needs:accounts @needs:writes
  Scenario: Logging in does not tell who has an account
    Given a user
    Then a wrong password and an unknown account are answered alike
