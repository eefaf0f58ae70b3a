@serial @about:alerts @needs:figures
Feature: The figures that alerts are about are those of what happened

  Scenario: What alerts read
    Then every alert finds its figures under /metrics

  Scenario: Requests
    Then each answer is counted once, under its path, method and status

  @needs:faults @needs:loopback
  Scenario: How long requests take
    Then a request that was held up is counted among those that took so long, and among none that were faster

  @needs:faults @needs:loopback
  Scenario: A database that does not answer
    Then a statement that a database does not answer is counted as its failure

  @about:ip-limit @needs:exhaust-limits @needs:client-address
  Scenario: Limits
    Then each refusal is counted under the limit that refused

  @about:cache @needs:faults @needs:loopback @needs:accounts
  Scenario: Caches
    Given a user
    And an answer that is cached and that the user can change
    Then each answer is counted as found in the cache, or as looked for there

  @about:tasks @needs:faults @needs:loopback
  Scenario: Tasks
    Then the failures of each task in a row are told, and that they are over

  @about:upstreams @needs:provider @needs:faults @needs:loopback
  Scenario: Breakers
    Given every provider answers as it should
    Then each breaker is told as closed, as open, and as due for a call that is tried

  @about:queued-jobs @needs:provider @needs:faults @needs:loopback @needs:accounts
  Scenario: Queues
    Given somebody who may put jobs into a queue
    Then a job that waits is counted, and no longer when it has ended
