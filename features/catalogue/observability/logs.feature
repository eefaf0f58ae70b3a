@needs:logs
Feature: One structured log line is written for each request, with secrets and personal data redacted

  Scenario: One line for each request
    When requests of every kind are sent
    Then each request has exactly one log line, a JSON object
    And each line says when, how grave, which request, route, status and how long

  @serial @needs:faults @needs:loopback
  Scenario: What goes wrong, and what takes long
    Then a failure is told as graver than what goes well
    And a request that was held up is told to have taken so long

  Scenario: A line names the route, not what was asked
    When requests of every kind are sent
    Then no line names anything from a path, a query or a body

  @needs:accounts @needs:writes
  Scenario: Secrets and personal data stay out of the log
    When somebody signs up, logs in, makes an API key and gets it wrong
    Then no secret, token, password or e-mail address is in the log

  Scenario: What caused an error is told to the log alone
    When malformed requests of many kinds are sent
    And answers of every kind are collected
    Then no error tells the cause that the log has
