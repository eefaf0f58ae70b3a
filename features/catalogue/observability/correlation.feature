Feature: A correlation id goes through the response, the log line and the error body

  Scenario: A request keeps the id that it brings
    When a request with a correlation id is sent
    Then the answer has the same correlation id
    And each answer to a request without one has an id of its own

  Scenario: An id that could do harm is replaced
    When a request with a correlation id is sent
    Then the answer has the same correlation id
    And an id that is malformed or too long is replaced

  Scenario: An error names the id
    When a request with a correlation id fails
    Then the answer has the same correlation id
    And the error names the correlation id

  @about:correlation-log @needs:logs
  Scenario: The log line has the id
    When a request with a correlation id is sent
    Then the answer has the same correlation id
    And the log line of the request has the correlation id

  @about:trace-log @needs:logs
  Scenario: A trace that began elsewhere goes on
    When a request with a trace context is sent
    Then the answer has the same correlation id
    And the log line of the request has the trace
    And a trace context that is malformed is not continued
