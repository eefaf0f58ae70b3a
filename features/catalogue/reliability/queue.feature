@serial @about:queued-jobs @needs:provider @needs:faults @needs:loopback @needs:logs @needs:accounts @needs:writes
Feature: A message is delivered when it can be, kept when it cannot, and holds nobody up

  Background:
    Given every provider answers as it should
    And somebody who may put jobs into a queue

  Scenario: The provider fails for a while
    Given the provider answers all but its last attempt with 503
    When a job is put into the queue
    Then the provider has it once for each attempt, always under the same key
    And the log tells the class "transient" of each failed attempt

  Scenario: What is in front of the provider gives up for a while
    Given the provider answers all but its last attempt with 504
    When a job is put into the queue
    Then the provider has it once for each attempt, always under the same key
    And the log tells the class "timeout" of each failed attempt

  Scenario: The way to the provider breaks off for a while
    Given the provider ends the connection of all but its last attempt
    When a job is put into the queue
    Then the provider has it once for each attempt, always under the same key
    And the log tells the class "transient" of each failed attempt

  Scenario: The provider has too much to do
    Given the provider answers the first attempt with 429 and to come again in 4 s
    When a job is put into the queue
    Then the next attempt did not come before 4 s were over
    And the log tells the class "rate_limited" of each failed attempt

  Scenario: The provider refuses for good
    Given the provider answers each attempt with 400
    When a job is put into the queue
    Then the provider had it once

  Scenario: The queue hands a message over twice
    Given the queue hands each message over twice
    When a job is put into the queue
    Then the provider has it once, although it was handed over twice

  Scenario: The provider does not say what was asked
    Given the provider answers the first attempt with what is not JSON
    When a job is put into the queue
    Then the job has ended and nothing panicked

  @needs:admin @about:dead-letters
  Scenario: The provider is away for longer than anybody tries
    Given the provider answers each attempt with 503
    When a job is put into the queue
    Then the provider has it once for each attempt, always under the same key
    And it is listed as a dead letter of the class "transient" for who may see it
    When the provider is mended
    And the dead letter is replayed by two at the same time
    Then one of them did it and the other one was told so
    And the provider gets it once more, under the same key
    And a later replay is refused, and the provider gets nothing more

  @needs:admin @about:dead-letters @needs:process
  Scenario: How long a dead letter is kept
    Given the provider answers each attempt with 503
    When a job is put into the queue
    Then the provider has it once for each attempt, always under the same key
    And it is listed as a dead letter of the class "transient" for who may see it
    And it is kept for as long as is declared, and can then neither be seen nor replayed

  Scenario: A poisoned message
    Given the provider tells one job to come again in an hour
    When a job is put into the queue
    And the provider had it once and 20 other jobs are put into the queue
    Then the provider gets all the others while the first one waits

  @needs:admin @about:dead-letters
  Scenario: The provider fails 30 % of calls
    Given the provider fails 30 % of calls
    When 60 jobs are put into the queue
    Then more than 98 % of them are delivered after what died was replayed once, each once

  @needs:kill @about:durable-queues
  Scenario: The service is killed while jobs wait for their next attempt
    Given the provider tells each job's first attempt to come again in 3 s
    When 4 jobs are put into the queue
    And each of them was tried once
    And the service is killed and started again
    Then each of them is delivered, once

  @needs:kill @about:durable-queues
  Scenario: The service is killed while jobs are under way
    Given the provider takes 6 s for each answer
    When 10 jobs are put into the queue
    And each of them was tried once
    And the service is killed and started again
    And the provider is mended
    Then each of them is delivered, always under the same key
