@serial @needs:releases @needs:loopback @needs:accounts @needs:writes @about:health
Feature: A bad release is rolled back in the declared time

  Background:
    Given a user
    And a service that is well

  Scenario: A release that does not start
    When a release that ends at once takes its place
    Then the service is not well
    When the release of before is put back
    Then the service is well again as what it was, in the declared time
    And the user can log in

  Scenario: A release that starts and is not where it should be
    When a release that listens elsewhere takes its place
    Then the service is not well
    When the release of before is put back
    Then the service is well again as what it was, in the declared time
    And the user can log in
