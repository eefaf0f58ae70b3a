@needs:loopback
Feature: No client input chooses where the service connects

  Background:
    Given a service that can say no

  @needs:principal @needs:writes
  Scenario: Addresses in texts
    Then no address in any text makes the service connect to it

  Scenario: Addresses in headers
    Then no address in any header makes the service connect to it or repeat it

  @needs:plain-socket
  Scenario: Addresses in the request line
    Then no address in the request line makes the service connect to it
