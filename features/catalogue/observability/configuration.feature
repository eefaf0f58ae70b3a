@needs:restarts
Feature: Missing or malformed configuration stops start-up with every problem named at once

  Scenario: Missing
    Then the service starts with a complete configuration
    And it does not start without any one of what it requires, and names it
    And it names everything that is missing at once

  Scenario: Malformed
    Then the service starts with a complete configuration
    And it does not start with any one value malformed, and names it
    And what it says holds no secret
