@serial @needs:faults @needs:loopback
Feature: A panic or a cancelled request harms no other request

  Background:
    Given a service that can say no

  # The first one: what a service writes by itself after other requests would meet the fault instead of a sign-up.
  @needs:accounts @needs:writes
  Scenario: A write panics
    Given a user
    When a binding panics once among many sign-ups
    Then one request is answered 500 and every other one as always
    And every error has the form that the spec declares
    And no error tells anything of the inside
    And each sign-up left a whole account or nothing
    And the user is still served

  @about:jwt @needs:principal
  Scenario: An operation panics
    Given a user
    When an operation panics once among many requests for it
    Then one request is answered 500 and every other one as always
    And every error has the form that the spec declares
    And no error tells anything of the inside
    And every answer carries the security headers that the spec declares
    And the user is still served

  @needs:accounts @needs:writes
  Scenario: Clients go away
    Given a user
    When clients go away in the middle of their sign-ups
    Then every request of the others is answered as always
    And each sign-up left a whole account or nothing
    And the user is still served

  @about:fault-proxy @needs:accounts @needs:writes
  Scenario: The database answers late, then not at all, and is back
    Given a user
    When the database answers after 3 s
    Then whatever the user reads is served, or refused as the spec declares
    When every connection is whole again
    Then whatever the user reads is served
    When the connection to the database is cut
    Then whatever the user reads is served, or refused as the spec declares
    When every connection is whole again
    Then whatever the user reads is served
    When nothing reaches the database
    Then whatever the user reads is served, or refused as the spec declares
    When every connection is whole again
    Then whatever the user reads is served
