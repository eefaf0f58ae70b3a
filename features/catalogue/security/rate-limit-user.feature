@about:user-limit @needs:exhaust-limits @needs:client-address @needs:admin @needs:set-tier @needs:writes
Feature: A user gets the requests that the limit allows, and no more

  Scenario: Every tier
    Given a service that can say no
    When a user of each tier uses the tier's limit up
    Then exactly as many requests are let through as the limit allows
    And the refusal names the limit and when to come again
    And another user of each tier is still served
