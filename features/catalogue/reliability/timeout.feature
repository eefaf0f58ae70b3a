@serial @needs:faults @needs:loopback
Feature: A request that takes longer than its route allows is ended

  @about:jwt @needs:principal
  Scenario: Operations take too long
    Given a user
    When operations take longer than their routes allow
    Then each request is ended with 504 when its time is over
    And each is answered as always when its operation is as fast as before
