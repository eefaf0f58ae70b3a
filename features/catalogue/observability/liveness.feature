@about:liveness
Feature: The liveness endpoint says that the process lives, whatever happens to what it depends on

  Scenario: A process that lives says so
    When the liveness endpoint is asked
    Then it answers that all is well
    And nobody may keep the answer

  @serial
  Scenario: The answer comes at once
    When the liveness endpoint is asked
    Then it usually answers within 10 ms

  @serial @about:dependencies @needs:faults @needs:loopback
  Scenario: It depends on nothing
    When the liveness endpoint is asked
    Then it answers that all is well
    And each dependency that is cut off or hangs changes nothing
