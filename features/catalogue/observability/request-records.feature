@about:request-records @needs:admin
Feature: Each request is recorded once it is answered, and nothing of what was asked but the route

  @needs:accounts @needs:writes
  Scenario: Requests that are answered, and requests that are refused
    Given a user
    When requests of several kinds are sent by software of one name
    Then each of them is recorded once, with its route, method, status, time and place
    And nothing is recorded of software that sent nothing
    And no record says anything of a path, a query, a header or a body

  @needs:client-address @needs:exhaust-limits
  Scenario: A request that a limit refuses
    When software of one name sends requests until a limit refuses one
    Then each of them is recorded once, with its route, method, status, time and place
    And nothing is recorded of software that sent nothing

  Scenario: Software that says more about itself than anybody wants to keep
    When software with a very long name asks for something
    Then each of them is recorded once, with its route, method, status, time and place
