@serial @about:switches @needs:accounts @needs:writes @needs:admin
Feature: The service is made read-only or closed for maintenance while it runs

  @about:read-only
  Scenario: Nothing is changed in read-only mode, and reads go on
    Given a user
    When the switch "read_only" is turned on
    Then every route that changes something is answered 503 "read-only", with when to come again
    And no route that reads is refused as "read-only"
    And every exception is not refused as "read-only"
    And health says "read-only" and that all is well
    Then an administrator can turn the switch "read_only" off
    And no route is refused as "read-only"
    And health says "normal" and that all is well

  @about:read-only @about:webhook @needs:webhook-secret
  Scenario: A webhook that comes in read-only mode comes again
    Given a user
    When the switch "read_only" is turned on
    Then a webhook with a right signature is told to come again
    When the switch "read_only" is turned off
    Then a webhook with a right signature about the user is accepted

  @about:maintenance
  Scenario: Nothing but health is answered during maintenance
    Given a user
    When the switch "maintenance" is turned on
    Then every route but health is answered 503 "maintenance", with when to come again
    And every exception is not refused as "maintenance"
    And browsers are shown a page and programs a problem
    And health says "maintenance" and that all is well
    Then an administrator can turn the switch "maintenance" off
    And no route is refused as "maintenance"
    And the user is still served

  @about:maintenance @needs:faults @needs:loopback
  Scenario: A switch stays where it is while the store is away
    When the switch "maintenance" is turned on
    And the store is cut off
    Then every route but health is answered 503 "maintenance", with when to come again

  Scenario: Only administrators may turn a switch
    Given a user
    Then only administrators may turn a switch

  @needs:restarts
  Scenario: A variable turns a switch on from the start
    Then an instance that is started with a switch on refuses what the switch concerns
