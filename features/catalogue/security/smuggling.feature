@needs:plain-socket @needs:own-framing
Feature: Ambiguous message framing is refused

  Scenario: Framing that two parties could read differently
    Given a service that can say no
    Then two proper requests on one connection get two answers
    And a request whose framing is ambiguous is refused and the connection closed
    And a request that is hidden in another one is not answered
    And two proper requests on one connection get two answers

  Scenario: A body that nobody waits for
    Given a service that can say no
    Then who is refused before the body has come is told when the connection ends
    And a body that does not come is given up within 15 s
    And two proper requests on one connection get two answers
