@serial @about:global-limit @needs:exhaust-limits @needs:client-address
Feature: All clients together get the requests that the limit of all allows, and no more

  Scenario: Many addresses
    Given a service that can say no
    When many addresses together use the limit of all up
    Then as many requests are let through as were left, and no more than the limit allows
    And the refusal names the limit and when to come again
    And whoever comes is refused, and the health endpoint answers
    And whoever comes is served again when it was said
