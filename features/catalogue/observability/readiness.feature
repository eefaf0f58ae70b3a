@about:readiness
Feature: The readiness endpoint says whether requests may be sent to this instance

  Scenario: An instance that is ready says so
    When the readiness endpoint is asked
    Then it answers that all is well
    And nobody may keep the answer

  @serial
  Scenario: The answer comes quickly enough for a load balancer
    When the readiness endpoint is asked
    Then it usually answers within 100 ms

  @serial @about:dependencies @needs:faults @needs:loopback
  Scenario: An instance is not ready without what it requires
    When the readiness endpoint is asked
    Then it answers that all is well
    And each required dependency that is cut off makes the service unhealthy until it is back

  @serial @about:dependencies @needs:faults @needs:loopback
  Scenario: A dependency that hangs holds nobody up
    When the readiness endpoint is asked
    Then it answers that all is well
    And each dependency that hangs is reported within 200 ms
