@about:ip-limit @needs:exhaust-limits
Feature: One client address gets its requests per window, whatever forwarding headers it sends

  Background:
    Given a service that can say no

  @needs:client-address @needs:principal
  Scenario: One request after another
    Given a user
    When one address uses its limit up, one request after another
    Then exactly as many requests are let through as the limit allows
    And the refusal names the limit and when to come again
    And who used the limit up at once has to wait for the whole window
    And another address is still served

  # The time of the service is moved on.
  @serial @needs:client-address @needs:principal
  Scenario: When it is renewed
    Given a user
    When one address uses its limit up, one request after another
    Then that address is refused until the time that it was told is over, and served then

  @serial @needs:client-address @needs:principal
  Scenario: Just after a window has ended
    Given a user
    When one address uses its limit up, one request after another
    Then that address gets no second share just after the window has ended

  @needs:client-address @needs:principal
  Scenario: What is left is told
    Given a user
    When one address uses its limit up, one request after another
    Then what remains counts down to nothing

  @needs:client-address
  Scenario: What is left is told to requests that match no route
    When one address uses its limit up with requests that match no route
    Then what remains counts down to nothing

  @needs:client-address @needs:principal
  Scenario: All at once
    Given a user
    When one address sends twice as many requests as allowed, all at once
    Then exactly as many requests are let through as the limit allows
    And the refusal names the limit and when to come again
    And another address is still served

  @needs:client-address @needs:principal
  Scenario: A network of IP version 6
    Given a user
    When one network of the newer kind uses its limit up, under another address each time
    Then exactly as many requests are let through as the limit allows
    And another address is still served

  @needs:client-address @needs:principal
  Scenario: A client claims to forward for others
    Given a user
    When one address uses its limit up, one request after another
    Then that address is refused whatever it claims to forward
    And another address is still served

  @needs:client-address
  Scenario: Requests that match no route
    When one address uses its limit up with requests that match no route
    Then exactly as many requests are let through as the limit allows
    And the refusal names the limit and when to come again
    And that address is refused on every such request and on declared routes
    And another address is still served

  @needs:loopback @needs:peers @needs:principal
  Scenario: A peer that is no trusted proxy plays one
    Given a user
    When a peer that is no trusted proxy uses its limit up under another name each time
    Then exactly as many requests are let through as the limit allows
    And the refusal names the limit and when to come again
    And another peer is still served
