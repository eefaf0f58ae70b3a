@about:health
Feature: The health endpoint tells the truth about the service and what it depends on

  Scenario: A healthy service says so
    When the health endpoint is asked
    Then it answers that all is well
    And nobody may keep the answer

  Scenario: Everything that it depends on works
    When the health endpoint is asked
    Then it answers that all is well
    And it reports every dependency as working

  Scenario: It says which version answers, and when
    When the health endpoint is asked
    Then it answers that all is well
    And it names the time and the service's version

  Scenario: Each thing has its figures
    When the health endpoint is asked
    Then it answers that all is well
    And it says where it runs, since when, and how long the answer took
    And each dependency has its figures

  @serial
  Scenario: The answer comes quickly enough for a monitor
    When the health endpoint is asked
    Then it usually answers within 100 ms

  @serial @about:dependencies @needs:faults @needs:loopback
  Scenario: A required dependency that fails makes the service unhealthy
    When the health endpoint is asked
    Then it answers that all is well
    And each required dependency that is cut off makes the service unhealthy until it is back

  @serial @about:dependencies @needs:faults @needs:loopback
  Scenario: Any other dependency that fails is only reported
    When the health endpoint is asked
    Then it answers that all is well
    And each other dependency that is cut off is only reported

  @serial @about:dependencies @needs:faults @needs:loopback
  Scenario: A dependency that hangs holds nobody up
    When the health endpoint is asked
    Then it answers that all is well
    And each dependency that hangs is reported within 200 ms

  @serial @about:dependencies @needs:faults @needs:loopback
  Scenario: A dependency that slows down is seen before it hangs
    When the health endpoint is asked
    Then it answers that all is well
    And it says where it runs, since when, and how long the answer took
    And the time that each dependency takes is told
