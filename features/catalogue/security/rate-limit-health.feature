@about:ip-limit @about:health @needs:exhaust-limits @needs:client-address
Feature: The health endpoint is never limited

  Scenario: A monitor asks from an address whose limit is used up
    Given a service that can say no
    When one address uses its limit up, one request after another
    Then exactly as many requests are let through as the limit allows
    And the health endpoint answers three times as often as any other endpoint would
