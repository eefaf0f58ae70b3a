@about:key-limit @needs:exhaust-limits @needs:client-address @needs:admin @needs:set-tier @needs:writes
Feature: An API key gets the requests of the tier, and no more

  Scenario: Every tier
    Given a service that can say no
    When an API key of each tier uses the tier's limit up
    Then exactly as many requests are let through as the limit allows
    And the refusal names the limit and when to come again
    And another API key of each tier is still served
    And a second API key of the same user is still served
    And the users of the API keys are still served without them
