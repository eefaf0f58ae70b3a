@serial @about:flags @needs:accounts @needs:writes @needs:admin
Feature: A feature flag changes behaviour while the service runs, for a stable share of users

  Scenario: Who has a feature is changed while the service runs
    Given a user
    Then each flag that is switched off is off for the user, and on once it is switched on
    And each flag is as it is declared once that is asked for
    And only administrators may change a flag

  @needs:set-tier
  Scenario: Some have a feature before others
    Given a user
    Then each flag without a share is on for its beta list and for nobody else, and switched off for nobody

  Scenario: Users who are named have a feature before others
    Given a user
    And another user
    Then each flag without a share is on for users who are named, as long as they are

  Scenario: A route is there for those who have its feature
    Given a user
    Then each route with a condition is refused as declared while its flag is off, and not while it is on

  @needs:faults @needs:loopback
  Scenario: A share of users is the one that was asked for, and always of the same users
    Then each share of 10000 users is within 1 point of its target, the declared ones and others
    And the same users are in it when they are asked again, and stay in it when it grows
    And 8 users who ask are served as it is evaluated for them

  @needs:faults @needs:loopback
  Scenario: What was switched holds while the store is away
    When a flag is switched to what it is not and read from the store again
    And the store is cut off
    Then the flag stays as it was switched, and no request fails for it
