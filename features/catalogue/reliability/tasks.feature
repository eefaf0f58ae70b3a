@serial @about:tasks @needs:faults @needs:loopback
Feature: A scheduled task that fails disturbs nothing else, is recorded, and is told of when it goes on

  Scenario: Each task fails while all are due
    When each task panics in turn while every task is due
    Then the one that panicked is recorded as failed each time, with its duration and the reason
    And every other task is recorded as succeeded each time, with its duration
    When every task is due again
    Then every task is recorded as succeeded

  Scenario: How long a run took
    When a task is held up for 700 ms
    Then its run is recorded with a duration of 600 ms or more

  @about:task-alert @needs:logs
  Scenario: A task fails again and again
    When a task fails as often in a row as an alert says
    Then people were told once, when the last of these runs had failed
    When every task is due again
    Then people are told that it succeeds again
