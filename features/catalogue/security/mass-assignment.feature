@needs:accounts @needs:writes @needs:admin
Feature: A client cannot set a field outside its whitelist

  Background:
    Given a service that can say no

  Scenario: Members that are stored, but not for clients to set
    Then every member that a body does not declare is refused by name
    And the same bodies without it are accepted

  Scenario: Nothing is stored of a refused request
    Then the refused requests changed nothing
    And the same bodies without it are accepted
