Feature: An error answer has the declared form and leaks nothing of the inside

  Background:
    Given a service that can say no

  Scenario: Malformed requests
    When malformed requests of many kinds are sent
    Then no answer is a server error
    And every error has the form that the spec declares
    And no error tells anything of the inside

  Scenario: Ordinary errors
    When answers of every kind are collected
    Then no answer is a server error
    And every error has the form that the spec declares
    And no error tells anything of the inside

  Scenario: Who is told of an error can be helped
    When malformed requests of many kinds are sent
    And answers of every kind are collected
    Then every error tells when it happened and its id

  @about:log-in @needs:accounts @needs:writes
  Scenario: Logging in does not tell who has an account
    Given a user
    Then a wrong password and an unknown account are answered alike

  @serial @about:log-in @needs:accounts @needs:writes @needs:client-address
  Scenario: Nor does the time that it takes
    Given a user
    Then an unknown account takes no less time than a wrong password
